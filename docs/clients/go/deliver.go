package mailover

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// One message at one provider.
func deliver(account Account, from string, to []string, message []byte) Outcome {
	stage := "connect"
	if err := converse(account, from, to, message, &stage); err != nil {
		return failure(account.Name, stage, err)
	}
	return Outcome{Provider: account.Name, OK: true}
}

func converse(account Account, from string, to []string, message []byte, stage *string) error {
	patience, answerPatience := or(account.Patience, 10*time.Second), or(account.AnswerPatience, time.Minute)
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(account.Host, strconv.Itoa(account.Port)), patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience)) // for the whole dialogue, however slowly it drips
	*stage = "banner"
	client, err := smtp.NewClient(&bounded{conn, answerLimit}, account.Host)
	if err != nil {
		return err
	}
	trust := account.TLS.Clone()
	if trust == nil {
		trust = &tls.Config{}
	}
	trust.ServerName = account.Host
	var content io.WriteCloser
	steps := []struct {
		stage string
		do    func() error
	}{
		{"ehlo", func() error { return client.Hello("localhost") }},
		{"starttls", func() error { return client.StartTLS(trust) }},
		{"auth", func() error { return client.Auth(smtp.PlainAuth("", account.Username, account.Password, account.Host)) }},
		{"mail", func() error { return client.Mail(from) }},
		{"rcpt", func() error {
			for _, recipient := range to {
				if err := client.Rcpt(recipient); err != nil {
					return err
				}
			}
			return nil
		}},
		{"data", func() error { content, err = client.Data(); return err }},
		{"data", func() error {
			_ = conn.SetDeadline(time.Now().Add(answerPatience))
			_, err := content.Write(message)
			return err
		}},
		{"end_data", func() error { return content.Close() }}, // from here on silence is ambiguous
	}
	for _, step := range steps {
		*stage = step.stage
		if err := step.do(); err != nil {
			return err
		}
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_ = client.Quit()
	return nil
}

// What a provider says, up to a size: who floods gains nothing by it.
type bounded struct {
	net.Conn
	room int
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.room <= 0 {
		return 0, errors.New("too much was said")
	}
	got, err := b.Conn.Read(into)
	b.room -= got
	return got, err
}

var status = regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(\s|$)`)

func failure(name, stage string, err error) Outcome {
	outcome := Outcome{Provider: name, Stage: stage, Text: err.Error()}
	var unknown *net.DNSError
	if errors.As(err, &unknown) {
		outcome.Stage = "resolve"
	}
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code >= 400 && reply.Code < 600 {
		outcome.Code, outcome.Text = reply.Code, reply.Msg
		if found := status.FindStringSubmatch(reply.Msg); found != nil {
			outcome.Enhanced = found[1]
		}
	}
	if len(outcome.Text) > 500 {
		outcome.Text = strings.ToValidUTF8(outcome.Text[:500], "")
	}
	return outcome
}

func or(given, usual time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return usual
}
