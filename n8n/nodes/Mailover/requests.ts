import { createHash } from 'crypto';
import type { IExecuteSingleFunctions, IHttpRequestOptions } from 'n8n-workflow';

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
	[/^invalid greeting|greeting never received/i, 'banner'],
	[/^invalid (login|response)|authentication/i, 'auth'],
	[/^mail command failed|^can't send mail - invalid sender/i, 'mail'],
	[/recipients? (was|were) rejected|^recipient command failed|no recipients/i, 'rcpt'],
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

/** A report in the words of the API, from the node's parameters. */
export async function asReport(
	this: IExecuteSingleFunctions,
	request: IHttpRequestOptions,
): Promise<IHttpRequestOptions> {
	const parameter = (name: string, fallback: unknown = ''): unknown =>
		this.getNodeParameter(name, fallback, { extractValue: true });
	const ok = parameter('operation') === 'reportSuccess';
	const more = parameter('additionalFields', {}) as Record<string, unknown>;
	const text = ok ? '' : String(parameter('text') ?? '').slice(0, 4000);
	const report: Record<string, unknown> = { provider: parameter('provider'), ok, ...read(text) };
	if (text !== '') report.text = text;
	if (more.count !== undefined) report.count = more.count;
	if (more.recipientDomain) report.recipient_domain = domain(String(more.recipientDomain));
	if (more.stage) report.stage = more.stage;
	if (more.code) report.code = more.code;
	if (more.enhanced) report.enhanced = more.enhanced;
	return { ...request, body: { reports: [report] } };
}

function domain(address: string): string {
	return address.slice(address.lastIndexOf('@') + 1).replace(/[>\s].*$/, '');
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
