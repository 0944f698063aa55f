#!/bin/sh
# An application that sends a mail for each line of its input, and says in JSON what became of it.
set -eu
mkdir -p accounts
for name in $(printf %s "$ACCOUNTS" | jq --raw-output keys_unsorted[]); do
    printf %s "$ACCOUNTS" | jq --raw-output --arg name "$name" --arg ca "$CA_FILE" '.[$name]
        | "url = \"smtp://\(.host):\(.port)\"\nuser = \"\(.username):\(.password)\"\ncacert = \"\($ca)\""' >"accounts/$name"
done
unset http_proxy
while read -r subject; do
    status=0
    printf 'From: shop@example.com\nTo: customer@example.com\nSubject: %s\n\nThank you.\n.\nA dot began this line.\n' "$subject" |
        PATIENCE=3 ACCOUNTS=accounts MEMORY=last-good-answer.json sh ./mailover-send.sh shop@example.com customer@example.com >/dev/null 2>said || status=$?
    case $status in
    0) echo '{"sent": true}' ;;
    75) jq --null-input --compact-output --rawfile text said '{error: (if ($text | contains("holds mail")) then "Held" else "NotSent" end), $text}' ;;
    70) jq --null-input --compact-output --rawfile text said '{error: "Ambiguous", $text}' ;;
    *) jq --null-input --compact-output --rawfile text said --arg status "$status" '{error: $status, $text}' ;;
    esac
done
