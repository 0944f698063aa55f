// Package mailover sends mail through the provider that mailover names, and through its fallbacks when that one
// fails. Two files, standard library only (Go 1.19), to be copied into an application.
package mailover

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	wait         = 30 * time.Second // that mailover holds its answer until something changes
	longestPause = 30 * time.Second // between attempts to reach it while it is away
	answerLimit  = 256 << 10        // bytes of one answer of mailover, and of all that a provider says in one dialogue
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
	dice := throw()
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
	header, err := c.call(ctx, http.MethodGet, path, patience, nil, "", fresh)
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
			key := hex.EncodeToString(random(16)) // told again, it counts once
			for failures := 1; failures <= 3; failures++ {
				if _, err := c.call(ctx, http.MethodPost, "/v1/reports", 5*time.Second, body, key, new(any)); err == nil {
					break
				}
				sleep(ctx, backOff(failures))
			}
		}
	}
}

// One call: one deadline for all of it, a bounded answer, no redirect, 200 or an error.
func (c *Client) call(ctx context.Context, method, path string, patience time.Duration, body []byte, key string, into any) (http.Header, error) {
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
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
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

func random(bytes int) []byte {
	drawn := make([]byte, bytes)
	_, _ = rand.Read(drawn)
	return drawn
}

// From 0 to 1, and never as in another process, which math/rand is before Go 1.20.
func throw() float64 { return float64(binary.BigEndian.Uint64(random(8))>>11) / (1 << 53) }

func backOff(failures int) time.Duration {
	longest := math.Min(math.Pow(2, float64(failures))/2, longestPause.Seconds())
	return time.Duration(longest * (0.5 + throw()/2) * float64(time.Second))
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}
