import {
	NodeApiError,
	type IDataObject,
	type IExecuteSingleFunctions,
	type IN8nHttpFullResponse,
	type INodeExecutionData,
} from 'n8n-workflow';

import { advice, problem } from '../asking';
import { end, outcome } from './requests';

/** The parts of a provider that workflows ask for; everything else stays in the answer that is not simplified. */
const PORTRAIT = [
	'name',
	'host',
	'port',
	'enabled',
	'health',
	'breaker',
	'since',
	'opened_because',
	'failure_kind',
	'dns',
] as const;

/** A refused call fails with what mailover said and what to do about it; n8n itself would only say that it was refused. */
export async function unlessRefused(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
	{ statusCode, body }: IN8nHttpFullResponse,
): Promise<INodeExecutionData[]> {
	if (statusCode < 400) return items;
	const { detail } = problem({ response: { status: statusCode, data: body } });
	throw new NodeApiError(this.getNode(), {}, {
		message: detail ?? `Mailover, or something before it, answered ${statusCode}`,
		description: advice(statusCode, detail),
		httpCode: String(statusCode),
	});
}

/** Shorten providers, when the node's "Simplify" is on. */
export async function simplified(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
): Promise<INodeExecutionData[]> {
	if (this.getNodeParameter('simplify', true) !== true) return items;
	return items.map(({ json }) => ({
		json: {
			...Object.fromEntries(PORTRAIT.map((key) => [key, json[key]])),
			score: (json.score as IDataObject | undefined)?.percent ?? null,
		},
	}));
}

/** A check as a whole: whether every probe was good, and the first failure's words. */
export async function checked(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
): Promise<INodeExecutionData[]> {
	return items.map(({ json }) => {
		const results = (json.results ?? []) as Array<{ ok: boolean; failure: IDataObject | null }>;
		const failed = results.find((each) => !each.ok);
		return { json: { provider: json.provider, ok: failed === undefined, failure: failed?.failure ?? null, results } };
	});
}

/**
 * What became of a report, flat: the flag of the stream, and whom to try now. That is the active provider, or the
 * first fallback while mailover still verifies a report about the active one; nobody, where `stop_because` says why.
 */
export async function reported(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
): Promise<INodeExecutionData[]> {
	const stream = String(this.getNodeParameter('stream', '', { extractValue: true }) ?? '');
	const told = outcome(this);
	const failing = told.ok ? undefined : this.getNodeParameter('provider', '', { extractValue: true });
	const stop = told.ok ? null : end(told);
	return items.map(({ json }) => {
		const flags = json.flags as Record<string, IDataObject>;
		const flag = stream === '' ? Object.values(flags)[0] : flags[stream];
		const to = stop === null ? next(flag, failing) : null;
		return { json: { accepted: json.accepted, ...flag, try_next: to, stop_because: stop } };
	});
}

function next(flag: IDataObject | undefined, failing: unknown): string | null {
	if (flag === undefined || flag.sending === false) return null;
	if (flag.provider !== failing) return flag.provider as string;
	return (flag.fallbacks as string[])[0] ?? null;
}

/** A callback without its signing secret: who is called back by a one-time URL needs none, and executions are kept. */
export async function withoutSecret(
	this: IExecuteSingleFunctions,
	items: INodeExecutionData[],
): Promise<INodeExecutionData[]> {
	return items.map(({ json }) => {
		const rest = { ...json };
		delete rest.secret;
		return { json: rest };
	});
}
