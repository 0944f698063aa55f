// Package mailover sends mail through the provider that mailover names, and through its fallbacks when that one
// fails. One file, standard library only (Go 1.19), to be copied into an application.
package mailover

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	mathrand "math/rand"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	wait         = 30 * time.Second // that mailover holds its answer until something changes
	longestPause = 30 * time.Second // between attempts to reach it while it is away
	answerLimit  = 256 << 10        // bytes
	reportEvery  = 5 * time.Second  // successes; a failure is told at once
	reportsKept  = 1000             // outcomes; more are forgotten
)

// Account is yours at one provider. Credentials go to this host and to no other, whatever the flag says.
type Account struct {
	Name     string // as mailover calls it
	Host     string
	Port     int
	Username string
	Password string
	TLS      *tls.Config // whom to trust; nil for the system's authorities

	Patience       time.Duration // until it wants the message; 10 s if zero
	AnswerPatience time.Duration // until it has taken it; a minute if zero
}

// Outcome is what became of a message at a provider, in the words of POST /v1/reports.
type Outcome struct {
	Provider string `json:"provider"`
	OK       bool   `json:"ok"`
	Stage    string `json:"stage,omitempty"`
	Code     int    `json:"code,omitempty"`
	Enhanced string `json:"enhanced,omitempty"`
	Text     string `json:"text,omitempty"`
}

func (o Outcome) Error() string {
	return fmt.Sprintf("%s: %d %s (%s)", o.Provider, o.Code, o.Text, o.Stage)
}

// Ambiguous: it had the final dot, and said neither yes nor no.
func (o Outcome) ambiguous() bool { return o.Stage == "end_data" && o.Code == 0 }

// No other provider will find this recipient either.
func (o Outcome) hopeless() bool { return o.Stage == "rcpt" && strings.HasPrefix(o.Enhanced, "5.1.") }

var (
	// ErrNotSent: no provider has the message, it may be sent again.
	ErrNotSent = errors.New("not sent")
	// ErrHeld: mailover wants nothing to be sent now; keep the message and try again later.
	ErrHeld = errors.New("held")
	// ErrAmbiguous: the last provider tried may have it; sending it again may send it twice.
	ErrAmbiguous = errors.New("it may have been sent")
)

// Flag is what mailover said last.
type Flag struct {
	Provider  *string            `json:"provider"`
	Fallbacks []string           `json:"fallbacks"`
	Weights   map[string]float64 `json:"weights"`
	Sending   *bool              `json:"sending"`
	Because   string             `json:"because"`
	Epoch     int64              `json:"epoch"`
	ValidFor  float64            `json:"valid_for_seconds"`

	validUntil time.Time
}

// Agent is where mailover is, and what is asked of it.
type Agent struct {
	URL    string
	Token  string // if it wants one
	Stream string // empty for the default one
}

// Client follows the flag of one stream. Any number of goroutines may use it.
type Client struct {
	agent    Agent
	accounts []Account
	flag     atomic.Pointer[Flag]
	asked    chan struct{}
	outcomes chan Outcome
	http     http.Client
}

// Follow begins to follow the flag, until the context ends. The accounts come in your own order, the best first, for
// when mailover cannot be asked.
func Follow(ctx context.Context, agent Agent, accounts ...Account) *Client {
	c := &Client{agent: agent, accounts: accounts, asked: make(chan struct{}), outcomes: make(chan Outcome, reportsKept)}
	c.http.Transport = &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 2}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	go c.follow(ctx)
	go c.tell(ctx)
	return c
}

// Flag is what mailover said last, nil if it never did. It waits for the first answer only, and at most a second.
func (c *Client) Flag() *Flag {
	select {
	case <-c.asked:
	case <-time.After(time.Second):
	}
	return c.flag.Load()
}

// Send sends a message (RFC 5322) through one provider after the other, and returns the name of the one that took it.
func (c *Client) Send(from string, to []string, message []byte) (string, error) {
	flag := c.Flag()
	if flag != nil && !*flag.Sending && time.Now().Before(flag.validUntil) {
		return "", fmt.Errorf("%w: %s", ErrHeld, flag.Because)
	}
	var said []string
	for _, account := range c.order(flag) {
		outcome := deliver(account, from, to, message)
		c.Report(outcome)
		if outcome.OK {
			return account.Name, nil
		}
		said = append(said, outcome.Error())
		if outcome.ambiguous() {
			return "", fmt.Errorf("%w; %s", ErrAmbiguous, strings.Join(said, "; "))
		}
		if outcome.hopeless() {
			break
		}
	}
	return "", fmt.Errorf("%w; %s", ErrNotSent, strings.Join(said, "; "))
}

// Report tells mailover in good time. It never waits.
func (c *Client) Report(outcome Outcome) {
	select {
	case c.outcomes <- outcome:
	default: // mailover has been away for long: its own probes will know
	}
}

// As the flag says, the first by its weights, and nobody whom it leaves out.
func (c *Client) order(flag *Flag) []Account {
	if flag == nil || flag.Provider == nil {
		return c.accounts
	}
	var named []Account
	for _, name := range append([]string{*flag.Provider}, flag.Fallbacks...) {
		for _, account := range c.accounts {
			if account.Name == name {
				named = append(named, account)
			}
		}
	}
	if len(named) == 0 {
		return c.accounts
	}
	dice := mathrand.Float64()
	for i, account := range named {
		if dice -= flag.Weights[account.Name]; dice < 0 {
			copy(named[1:i+1], named[:i])
			named[0] = account
			break
		}
	}
	return named
}

func (c *Client) follow(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		pause := 100 * time.Millisecond
		if err := c.ask(ctx, failures == 0, &pause); err != nil {
			failures++
			pause = backOff(failures)
		} else {
			failures = 0
		}
		select {
		case <-c.asked:
		default:
			close(c.asked)
		}
		sleep(ctx, pause)
	}
}

func (c *Client) ask(ctx context.Context, patiently bool, pause *time.Duration) error {
	path, patience, known := "/v1/active-provider", 5*time.Second, c.flag.Load()
	if c.agent.Stream != "" {
		path += "/" + url.PathEscape(c.agent.Stream)
	}
	if known != nil && patiently {
		path += fmt.Sprintf("?epoch=%d&wait=%.0fs", known.Epoch, wait.Seconds())
		patience += wait * 17 / 16 // mailover spreads its readers by up to a sixteenth
	}
	began := time.Now()
	fresh := new(Flag)
	header, err := c.call(ctx, http.MethodGet, path, patience, nil, fresh)
	if err != nil {
		return err
	}
	if fresh.Sending == nil || fresh.Fallbacks == nil || fresh.Epoch < 1 {
		return errors.New("this is no flag")
	}
	if header.Get("Mailover-Stale") == "" {
		fresh.validUntil = time.Now().Add(time.Duration(math.Min(fresh.ValidFor, 3600) * float64(time.Second)))
	}
	c.flag.Store(fresh)
	if known != nil && known.Epoch == fresh.Epoch && patiently && time.Since(began) < wait/2 {
		*pause = time.Second // it answers at once though nothing has changed
		if told, err := strconv.Atoi(header.Get("Retry-After")); err == nil && told > 0 && told <= 30 {
			*pause = time.Duration(told) * time.Second
		}
	}
	return nil
}

func (c *Client) tell(ctx context.Context) {
	for ctx.Err() == nil {
		counted := map[Outcome]int{}
		for due := time.After(reportEvery); due != nil && len(counted) < 100; {
			select {
			case outcome := <-c.outcomes:
				counted[outcome]++
				if !outcome.OK && len(c.outcomes) == 0 {
					due = nil
				}
			case <-due:
				due = nil
			case <-ctx.Done():
				return
			}
		}
		byProvider := map[string][]any{} // an unknown name spoils no other's report
		for outcome, count := range counted {
			byProvider[outcome.Provider] = append(byProvider[outcome.Provider], struct {
				Outcome
				Count int `json:"count"`
			}{outcome, count})
		}
		for _, reports := range byProvider {
			body, _ := json.Marshal(map[string]any{"reports": reports})
			for failures := 1; failures <= 3; failures++ {
				if _, err := c.call(ctx, http.MethodPost, "/v1/reports", 5*time.Second, body, new(any)); err == nil {
					break
				}
				sleep(ctx, backOff(failures))
			}
		}
	}
}

// One call: one deadline for all of it, a bounded answer, no redirect, 200 or an error.
func (c *Client) call(ctx context.Context, method, path string, patience time.Duration, body []byte, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.agent.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.agent.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.agent.Token)
	}
	if body != nil {
		key := make([]byte, 16)
		_, _ = rand.Read(key)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", hex.EncodeToString(key))
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	return response.Header, json.NewDecoder(io.LimitReader(response.Body, answerLimit)).Decode(into)
}

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
	client, err := smtp.NewClient(conn, account.Host)
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
		{"rcpt", func() error { return each(to, client.Rcpt) }},
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

func each(values []string, do func(string) error) error {
	for _, value := range values {
		if err := do(value); err != nil {
			return err
		}
	}
	return nil
}

func or(given, usual time.Duration) time.Duration {
	if given > 0 {
		return given
	}
	return usual
}

func backOff(failures int) time.Duration {
	longest := math.Min(math.Pow(2, float64(failures))/2, longestPause.Seconds())
	return time.Duration(longest * (0.5 + mathrand.Float64()/2) * float64(time.Second))
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
