// An application that sends a mail for each line of its input, by Nodemailer, and says in JSON what became of it.
import { createInterface } from 'node:readline'
import nodemailer from 'nodemailer'
import { Mailover } from './mailover.mjs'
import { MailoverTransport } from './mailover-transport.mjs'

const accounts = Object.fromEntries(
  Object.entries(JSON.parse(process.env.ACCOUNTS)).map(([name, { host, port, username, password }]) => [
    name,
    { host, port, auth: { user: username, pass: password }, socketTimeout: 2_000, greetingTimeout: 2_000 },
  ]),
)
const mailover = new Mailover(process.env.MAILOVER, Object.keys(accounts), { token: process.env.MAILOVER_TOKEN })
const mailer = nodemailer.createTransport(new MailoverTransport(mailover, accounts))
for await (const subject of createInterface({ input: process.stdin })) {
  try {
    const text = 'Thank you.\n.\nA dot began this line.\n'
    await mailer.sendMail({ from: 'shop@example.com', to: 'customer@example.com', subject, text })
    console.log(JSON.stringify({ sent: true }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.constructor.name, text: error.message }))
  }
}
await mailover.close()
