// Follows the flag of mailover, tries providers in its order and reports what they did. Node 20, no dependencies.
// It sends nothing itself: `attempt` does, with whatever your application sends by. To be copied into an application.
import { setTimeout as sleep } from 'node:timers/promises'

const WAIT_SECONDS = 30
const PATIENCE = 5_000
const LONGEST_PAUSE = 30_000
const ANSWER_LIMIT = 256 * 1024
const REPORT_EVERY = 5_000
const REPORTS_KEPT = 1_000

/** What a provider did, in the words of POST /v1/reports. Throw it from `attempt`; any other error is a defect of yours. */
export class ProviderError extends Error {
  /** `hopeless`: no other provider can send it either (no such recipient). */
  constructor({ stage, code, enhanced, text = '', recipientDomain, hopeless = false }) {
    super(text)
    Object.assign(this, { stage, code, enhanced, recipientDomain, hopeless })
  }

  /** It had the final dot, and said neither yes nor no: it may have sent the message. */
  get ambiguous() {
    return this.stage === 'end_data' && this.code === undefined
  }
}

/** No provider has the message: it may be sent again. `errors` says what each of them did. */
export class NotSentError extends AggregateError {}

/** mailover wants nothing to be sent now: keep the message and try again later. */
export class HeldError extends Error {}

/** The last provider tried may have the message: sending it again may send it twice. */
export class AmbiguousError extends Error {}

export class Mailover {
  #url
  #names
  #headers
  #stream
  #flag
  #first
  #closing = new AbortController()
  #outcomes = new Map()
  #reporting

  /** `names`: your accounts, as mailover calls them; the best first, for when it cannot be asked. */
  constructor(url, names, { token, stream, firstWait = 1_000 } = {}) {
    this.#url = url.replace(/\/$/, '')
    this.#names = [...names]
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {}
    this.#stream = stream ? `/${encodeURIComponent(stream)}` : ''
    this.#first = new Promise((resolve) => {
      setTimeout(resolve, firstWait)
      this.#follow(resolve)
    })
  }

  /** What mailover said last; undefined if it never did. */
  get flag() {
    return this.#flag
  }

  /** Ends the waiting, which otherwise keeps the process alive, and hands over what is left to report. */
  async close() {
    this.#closing.abort()
    await this.#report()
  }

  /** Has `attempt(name)` try one provider after the other. Throws NotSentError, HeldError, AmbiguousError. */
  async deliver(attempt) {
    await this.#first
    const flag = this.#flag
    if (flag && !flag.sending && Date.now() < flag.validUntil) throw new HeldError(flag.because)
    const errors = []
    for (const name of this.#order(flag)) {
      try {
        const result = await attempt(name)
        this.#note({ provider: name, ok: true })
        return { provider: name, result, errors }
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error
        errors.push(Object.assign(error, { provider: name }))
        const { stage, code, enhanced, recipientDomain: recipient_domain } = error
        const text = error.message.slice(0, 500).toWellFormed()
        this.#note({ provider: name, ok: false, stage, code, enhanced, text, recipient_domain })
        if (error.ambiguous) throw new AmbiguousError(`${name} may have sent it: ${text}`, { cause: error })
        if (error.hopeless) break
      }
    }
    throw new NotSentError(errors, `not sent: ${errors.map((each) => `${each.provider}: ${each.message}`).join('; ')}`)
  }

  /** As the flag says, the first by its weights, and nobody whom it leaves out. */
  #order(flag) {
    const named = [flag?.provider, ...(flag?.fallbacks ?? [])].filter((name) => this.#names.includes(name))
    if (!named.length) return this.#names
    let dice = Math.random()
    const first = named.find((name) => (dice -= flag.weights[name] ?? 0) < 0) ?? named[0]
    return [first, ...named.filter((name) => name !== first)]
  }

  async #follow(asked) {
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      let rest = 100
      try {
        const known = failures ? undefined : this.#flag // after a failure the present flag, at once
        const began = Date.now()
        const waiting = known ? `?epoch=${known.epoch}&wait=${WAIT_SECONDS}s` : ''
        const answer = await this.#call(
          `/v1/active-provider${this.#stream}${waiting}`,
          {},
          PATIENCE + (known ? (WAIT_SECONDS * 1_000 * 17) / 16 : 0),
        )
        this.#flag = read(answer)
        failures = 0
        const early = Date.now() - began < (WAIT_SECONDS * 1_000) / 2
        if (early && known?.epoch === this.#flag.epoch) rest = answer.retryAfter || 1_000
      } catch {
        rest = backOff(++failures)
      }
      asked()
      await pause(rest, this.#closing.signal)
    }
  }

  /** Equal outcomes are counted; failures are told at once, successes every few seconds. */
  #note(outcome) {
    const key = JSON.stringify(outcome)
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1)
    if (this.#outcomes.size > REPORTS_KEPT) this.#outcomes.delete(this.#outcomes.keys().next().value)
    if (!outcome.ok) this.#report()
    else this.#reporting ??= setTimeout(() => this.#report(), REPORT_EVERY).unref()
  }

  /** Tries twice; what mailover does not take then is forgotten, its own probes will know. */
  async #report() {
    clearTimeout(this.#reporting)
    this.#reporting = undefined
    const told = [...this.#outcomes].map(([key, count]) => ({ ...JSON.parse(key), count }))
    this.#outcomes.clear()
    // each provider in a call of its own: a name that mailover does not know spoils no other's report
    const each = this.#names.map((name) => told.filter((outcome) => outcome.provider === name).slice(0, 100))
    await Promise.all(each.filter((reports) => reports.length).map((reports) => this.#tell(reports)))
  }

  async #tell(reports) {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }
    const call = { method: 'POST', headers, body: JSON.stringify({ reports }) }
    for (const again of [true, false]) {
      try {
        return await this.#call('/v1/reports', call, PATIENCE)
      } catch {
        if (again) await pause(backOff(1))
      }
    }
  }

  /** The answer as JSON. Throws whatever goes wrong: no answer in time, too long a one, a redirect, a status but 200. */
  async #call(path, { headers, ...options }, patience) {
    const signals = [AbortSignal.timeout(patience), ...(options.method ? [] : [this.#closing.signal])]
    const response = await fetch(this.#url + path, {
      ...options,
      headers: { ...this.#headers, ...headers },
      redirect: 'error',
      signal: AbortSignal.any(signals),
    })
    let text = ''
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part
      if (text.length > ANSWER_LIMIT) throw new Error('too long an answer')
    }
    if (response.status !== 200) throw new Error(`answered ${response.status}`)
    return {
      body: JSON.parse(text),
      stale: response.headers.has('Mailover-Stale'),
      retryAfter: Math.min(Number(response.headers.get('Retry-After')) * 1_000 || 0, LONGEST_PAUSE),
    }
  }
}

/** The flag, if it is one. Its order holds until there is a better one, a hold only while mailover stands by it. */
function read({ body, stale }) {
  const { provider, fallbacks, weights, sending, because, epoch, valid_for_seconds: seconds } = body
  const good =
    (provider === null || typeof provider === 'string') &&
    Array.isArray(fallbacks) &&
    Object.values(weights).every((share) => share >= 0 && share <= 1) &&
    typeof sending === 'boolean' &&
    Number.isInteger(epoch) &&
    seconds >= 0
  if (!good) throw new TypeError('this is no flag')
  return { provider, fallbacks, weights, sending, because, epoch, validUntil: stale ? 0 : Date.now() + seconds * 1_000 }
}

const backOff = (failures) => Math.min(500 * 2 ** failures, LONGEST_PAUSE) * (0.5 + Math.random() / 2)

/** Ends early, and without an error, when the signal comes or came. */
const pause = (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {})
