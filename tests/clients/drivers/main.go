// An application that sends a mail for each line of its input, and says in JSON what became of it.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"time"

	"example.com/mailover"
)

func main() {
	trusted := x509.NewCertPool()
	pem, _ := os.ReadFile(os.Getenv("CA_FILE"))
	trusted.AppendCertsFromPEM(pem)
	said := map[string]mailover.Account{}
	if err := json.Unmarshal([]byte(os.Getenv("ACCOUNTS")), &said); err != nil {
		panic(err)
	}
	var accounts []mailover.Account
	for name, account := range said {
		account.Name, account.TLS = name, &tls.Config{RootCAs: trusted}
		account.Patience, account.AnswerPatience = 2*time.Second, 2*time.Second
		accounts = append(accounts, account)
	}
	sort.Slice(accounts, func(i, j int) bool { return accounts[i].Name < accounts[j].Name })
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	agent := mailover.Agent{URL: os.Getenv("MAILOVER"), Token: os.Getenv("MAILOVER_TOKEN")}
	client := mailover.Follow(ctx, agent, accounts...)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		message := "From: shop@example.com\r\nTo: customer@example.com\r\nSubject: " + lines.Text() +
			"\r\n\r\nThank you.\r\n.\r\nA dot began this line.\r\n"
		_, err := client.Send("shop@example.com", []string{"customer@example.com"}, []byte(message))
		said := map[string]any{"sent": true}
		if err != nil {
			said = map[string]any{"text": err.Error()}
			for name, kind := range map[string]error{"NotSent": mailover.ErrNotSent, "Held": mailover.ErrHeld, "Ambiguous": mailover.ErrAmbiguous} {
				if errors.Is(err, kind) {
					said["error"] = name
				}
			}
		}
		line, _ := json.Marshal(said)
		fmt.Println(string(line))
	}
}
