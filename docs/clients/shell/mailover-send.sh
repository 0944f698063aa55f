#!/bin/sh
# Sends one message through the provider that mailover names, and through its fallbacks when that one fails.
#
#     mailover-send.sh FROM TO <message
#
# Needs curl and jq. Settings come from the environment:
#   MAILOVER        where mailover is, http://127.0.0.1:8587 if not set; MAILOVER_TOKEN if it wants one
#   MAILOVER_STREAM which stream, the default one if not set
#   ACCOUNTS        a directory with one file per provider, named as mailover names it; each is a config of curl (mode
#                   0600): url = "smtp://HOST:587", user = "USER:PASSWORD". Read in order of names without a flag
#   MEMORY          a file that remembers the last good answer
#   PATIENCE        seconds for one provider, 60 if not set
#
# Exit status: 0 a provider took it; 75 nobody has it, or mailover holds it, try later; 70 it may have been sent, do not
# send it again; 64 wrong usage.
set -eu

[ $# -eq 2 ] && [ -d "${ACCOUNTS:?}" ] || { echo "usage: ACCOUNTS=DIR MEMORY=FILE $0 FROM TO <message" >&2; exit 64; }
from=$1 to=$2
memory=${MEMORY:?}
mailover=${MAILOVER:-http://127.0.0.1:8587}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
sed 's/\r*$/\r/' >"$work/message" # every line ends as SMTP wants it

# Everything that is asked of mailover: two seconds in all, 256 KiB, no proxy, and no token in the list of processes.
ask() {
    { [ -z "${MAILOVER_TOKEN:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$MAILOVER_TOKEN"; } |
        curl --config - --silent --show-error --fail --max-time 2 --max-filesize 262144 --noproxy '*' "$@"
}

is_flag='(.provider == null or (.provider | type == "string")) and (.fallbacks | type == "array" and all(type == "string"))
    and (.weights | type == "object") and (.sending | type == "boolean") and (.valid_for_seconds | type == "number")'

# The last good answer outlives a mailover that is away; written beside and moved, it is whole or not there.
if ask --dump-header "$work/head" "$mailover/v1/active-provider${MAILOVER_STREAM:+/$MAILOVER_STREAM}" 2>"$work/why" |
    head -c 262144 >"$work/flag" && grep -qs '^HTTP/[0-9.]* 200' "$work/head" && jq --exit-status "$is_flag" "$work/flag" >/dev/null 2>&1; then
    stale=$(grep -ci '^mailover-stale:' "$work/head" || true)
    jq --argjson stale "$stale" '. + {valid_until: (now + if $stale > 0 then 0 else .valid_for_seconds end)}' \
        "$work/flag" >"$memory.$$" && mv -f "$memory.$$" "$memory"
else
    echo "mailover cannot be asked: $(head -c 200 "$work/why")" >&2
fi

# A hold binds only while mailover stands by it; an order holds until there is a better one.
if [ -s "$memory" ] && jq --exit-status '(.sending | not) and now < .valid_until' "$memory" >/dev/null; then
    echo "mailover holds mail: $(jq --raw-output .because "$memory")" >&2
    exit 75
fi

# As the flag says, the first by its weights; without one, the accounts in the order of their names.
dice=$(od -An -N2 -tu2 /dev/urandom | awk '{ print $1 / 65536 }')
order=$(jq --raw-output --argjson dice "$dice" '
    [.provider, .fallbacks[] | select(. != null)] as $named | .weights as $weights
    | (reduce $named[] as $name ({left: $dice, first: null};
        if .first == null and .left < ($weights[$name] // 0) then .first = $name else .left -= ($weights[$name] // 0) end)
      | .first // $named[0]) as $first
    | $first, ($named - [$first])[] | values' "$memory" 2>/dev/null || true)

# tell PROVIDER OK STAGE CODE TEXT: a report. Nobody waits for it.
tell() {
    jq --null-input --compact-output --arg provider "$1" --argjson ok "$2" --arg stage "$3" --argjson code "$4" --arg text "$5" '
        {reports: [{$provider, $ok} + if $ok then {} else {$stage, text: $text[:500]}
          + (if $code >= 400 then {$code} else {} end)
          + ([$text | scan("^[45]\\.[0-9]{1,3}\\.[0-9]{1,3}(?= |$)")] | if . == [] then {} else {enhanced: .[0]} end) end]}' |
        { body=$(cat); ask --output /dev/null --header 'Content-Type: application/json' --data "$body" "$mailover/v1/reports"; } >/dev/null 2>&1 &
}

named=""
for name in $order; do
    case $name in */* | .*) continue ;; esac
    [ ! -f "$ACCOUNTS/$name" ] || named="$named $name"
done

tried=""
for name in ${named:-$(ls "$ACCOUNTS")}; do
    status=0
    timeout "${PATIENCE:-60}" curl --config "$ACCOUNTS/$name" --silent --show-error --verbose --ssl-reqd --sasl-ir --noproxy '*' \
        --connect-timeout 10 --mail-from "$from" --mail-rcpt "$to" --upload-file - <"$work/message" 2>"$work/said" || status=$?
    if [ "$status" -eq 0 ]; then
        tell "$name" true "" 0 ""
        echo "sent through $name"
        exit 0
    fi
    # In curl's transcript "> " is a command and "< " a reply: how far it came, and what was said to that.
    awk '{ sub(/\r$/, "") }
        /^> (EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA)/ { stage = $2 == "HELO" ? "ehlo" : tolower($2); reply = "" }
        /^> QUIT/ { exit }
        /^< [2-5][0-9][0-9]/ { reply = substr($0, 3) }
        /^< 354/ { stage = "end_data"; reply = "" }
        END { print stage; print reply }' "$work/said" >"$work/end"
    stage=$(sed -n 1p "$work/end") reply=$(sed -n 2p "$work/end")
    code=$(printf %s "$reply" | cut -c 1-3 | grep '^[45]' || echo 0)
    text=$(printf %s "$reply" | cut -c 5-)
    case $status in
    6) stage=resolve ;;
    7) stage=connect ;;
    35 | 60 | 64) stage=starttls ;;
    *) stage=${stage:-banner} ;;
    esac
    if [ "$code" -lt 400 ]; then # curl's own words and no other line: the transcript has the login in it
        text=$(sed -n 's/^curl: //p' "$work/said" | tail -n 1)
        text=${text:-timed out}
    fi
    tell "$name" false "$stage" "$code" "$text"
    tried="$tried; $name: $code $text ($stage)"
    if [ "$stage" = end_data ] && [ "$code" -lt 400 ]; then
        echo "it may have been sent$tried" >&2
        exit 70
    fi
    case $stage$text in rcpt5.1.*) break ;; esac
done
echo "not sent${tried:-; there are no accounts}" >&2
exit 75
