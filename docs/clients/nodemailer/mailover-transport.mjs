// A transport for Nodemailer that sends through the provider that mailover names, and through its fallbacks.
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { ProviderError } from './mailover.mjs'

const CAREFUL = { requireTLS: true, connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 30_000 }
const LONGEST = 60_000 // of one dialogue, however slowly it drips
const STAGES = { EHLO: 'ehlo', STARTTLS: 'starttls', 'MAIL FROM': 'mail', 'RCPT TO': 'rcpt', DATA: 'data' }

/** nodemailer.createTransport(new MailoverTransport(mailover, { postmark: { host, port, auth }, ... })) */
export class MailoverTransport {
  name = 'mailover'
  version = '1.0.0'
  #mailover
  #accounts

  /** `accounts` have the options of Nodemailer's SMTP transport, by the names that mailover knows. */
  constructor(mailover, accounts) {
    this.#mailover = mailover
    this.#accounts = accounts
  }

  send(mail, callback) {
    this.#send(mail).then((info) => callback(null, info), callback)
  }

  async #send(mail) {
    const envelope = mail.message.getEnvelope()
    const content = await buffer(mail.message.createReadStream())
    const { provider, result } = await this.#mailover.deliver((name) => converse(this.#accounts[name], envelope, content))
    return { ...result, envelope, messageId: mail.message.messageId(), provider }
  }
}

/** One message at one provider. A lost connection does not say how far it came, the message that was read does. */
async function converse({ auth, ...options }, envelope, content) {
  const connection = new SMTPConnection({ ...CAREFUL, ...options })
  const message = Readable.from([content])
  let stage = 'connect'
  let timer
  try {
    const info = await new Promise((resolve, reject) => {
      const then = (next) => (error, info) => (error ? reject(error) : next(info))
      timer = setTimeout(() => reject(new Error('timed out')), LONGEST)
      connection.on('error', reject)
      connection.connect(
        then(() => {
          stage = 'auth'
          connection.login(
            auth,
            then(() => {
              stage = 'mail'
              connection.send(structuredClone(envelope), message, then(resolve)) // it writes into it
            }),
          )
        }),
      )
    })
    connection.quit()
    return info
  } catch (error) {
    const told = asProviderError(error, message.readableEnded ? 'end_data' : stageOf(error, stage))
    connection.close() // or who drips would keep it open
    throw told
  } finally {
    clearTimeout(timer)
  }
}

function asProviderError({ responseCode: code, response, message }, stage) {
  const text = response ? response.replace(/^\d{3}[ -]/, '') : message
  const enhanced = /^[245]\.\d{1,3}\.\d{1,3}(?=\s|$)/.exec(text)?.[0]
  return new ProviderError({ stage, code, enhanced, text, hopeless: stage === 'rcpt' && /^5\.1\./.test(enhanced) })
}

function stageOf({ code, command, message }, stage) {
  if (code === 'EDNS') return 'resolve'
  if (code === 'ETLS') return 'starttls'
  return STAGES[command] ?? (/greeting/i.test(message) ? 'banner' : stage)
}
