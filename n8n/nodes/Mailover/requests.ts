import { createHash } from 'crypto';
import type { IDataObject, IExecuteSingleFunctions, IHttpRequestOptions } from 'n8n-workflow';

/**
 * Give a call that changes something its Idempotency-Key: the same for every repeat of it (Retry On Fail, an answer
 * that was lost), another one in each execution, each round of a loop, and for each item.
 */
export async function onlyOnce(
	this: IExecuteSingleFunctions,
	request: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
	const parts = [
		this.getInstanceId(),
		this.getWorkflow().id,
		this.getExecutionId(),
		this.getNode().id,
		this.evaluateExpression('{{ $runIndex }}', this.getItemIndex()),
		this.getItemIndex(),
		request.method,
		request.url,
		request.body,
	];
	const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
	// n8n leaves an empty body out, and mailover wants JSON from whoever has no token.
	const empty = request.body === undefined || Object.keys(request.body as object).length === 0;
	const headers = { ...request.headers, 'Idempotency-Key': `n8n-${key}` };
	return { ...request, headers, body: empty ? '{}' : request.body };
}

/** What the words of a mail library say besides themselves. */
export interface Reading {
	stage?: string;
	code?: number;
	enhanced?: string;
}

const STAGES: Array<[RegExp, string]> = [
	[/^invalid greeting|^greeting never received/i, 'banner'],
	[/^error (initiating tls|upgrading connection)|^ehlo failed but helo does not support/i, 'starttls'],
	[/^invalid (login|response)|^missing credentials|^unknown authentication/i, 'auth'],
	[/^mail command failed|^can't send mail - invalid sender/i, 'mail'],
	[/^can't send mail - (all|no) recipients|^recipient command failed|^no recipients/i, 'rcpt'],
	[/^data command failed/i, 'data'],
	[/^message failed/i, 'end_data'],
];

const REPLY = /(?:^|[^\d.])([45]\d\d)[ -](?:([45]\.\d{1,3}\.\d{1,3})\b)?/;

/** Read the words of n8n's Send Email node (Nodemailer) for the stage of the dialogue and the reply's codes. */
export function read(text: string): Reading {
	const reading: Reading = {};
	const stage = STAGES.find(([pattern]) => pattern.test(text));
	if (stage) reading.stage = stage[1];
	const reply = REPLY.exec(text);
	if (reply) {
		reading.code = Number(reply[1]);
		if (reply[2]) reading.enhanced = reply[2];
	}
	return reading;
}

const CUT_OFF = /^(timeout|connection closed|unexpected socket close|socket hang up|(read|write) E[A-Z]+)\b/i;

/** Why a mail that failed so goes to nobody else, or null when the next provider may have it: the rule of docs/clients. */
export function end({ text, stage, enhanced }: { text: string } & Reading): string | null {
	if (stage === 'rcpt' && enhanced?.startsWith('5.1.')) {
		return 'the address is bad: no other provider knows it either, and asking them costs reputation';
	}
	if (stage === undefined && CUT_OFF.test(text)) {
		return 'the provider may have sent it: the connection ended without a reply';
	}
	return null;
}

/** The outcome that a node tells: its text, and what is read from it where nothing is said beside it. */
export function outcome(context: IExecuteSingleFunctions): { ok: boolean; text: string } & Reading {
	const ok = context.getNodeParameter('operation') === 'reportSuccess';
	const text = ok ? '' : String(context.getNodeParameter('text', '') ?? '').slice(0, 4000);
	const { stage, code, enhanced } = context.getNodeParameter('additionalFields', {}) as Reading;
	const said: Reading = { ...(stage && { stage }), ...(code && { code }), ...(enhanced && { enhanced }) };
	return { ok, text, ...read(text), ...said };
}

/** A report in the words of the API, from the node's parameters. */
export async function asReport(
	this: IExecuteSingleFunctions,
	request: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
	const provider = this.getNodeParameter('provider', '', { extractValue: true });
	const { count, recipientDomain = '' } = this.getNodeParameter('additionalFields', {}) as IDataObject;
	const of = domain(String(recipientDomain));
	const more = { ...(count !== undefined && { count }), ...(of !== '' && { recipient_domain: of }) };
	return { ...request, body: { reports: [{ provider, ...outcome(this), ...more }] } };
}

function domain(address: string): string {
	return address.slice(address.lastIndexOf('@') + 1).replace(/[>,;\s].*$/s, '').slice(0, 255);
}

/** A message with its addresses in the words of the API. */
export async function asMessage(
	this: IExecuteSingleFunctions,
	request: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
	const [from] = correspondents(String(this.getNodeParameter('from')));
	const to = correspondents(String(this.getNodeParameter('to')));
	return { ...request, body: { ...(request.body as object), from, to } };
}

function correspondents(text: string): Array<{ address: string; name?: string }> {
	const each = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
	return each.map((one) => {
		const [, name, address] = /^\s*"?([^"<]*?)"?\s*<([^>]*)>\s*$/.exec(one) ?? [];
		if (address === undefined) return { address: one.trim() };
		return name === '' ? { address } : { address, name };
	});
}
