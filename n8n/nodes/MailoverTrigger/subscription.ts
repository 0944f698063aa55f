import { randomBytes } from 'crypto';
import type { IDataObject, IHookFunctions, IWebhookFunctions } from 'n8n-workflow';

import { ask, askIfThere } from '../asking';

/** How long mailover signs with a replaced secret too, in milliseconds. */
const ROTATION = 24 * 60 * 60 * 1000;
/** A repeat comes within minutes of a lost answer; more ids than this are not remembered. */
const REMEMBERED = 200;

/** What this node knows of one subscription of its own. */
interface Kept extends IDataObject {
	id: string;
	secret: string;
	oldSecret?: string;
	oldSecretUntil?: number;
}

/** What the node keeps in the workflow: a subscription for each URL (the editor's test URL is another one), and ids. */
interface Memory extends IDataObject {
	subscriptions?: Record<string, Kept>;
	seen?: string[];
}

/** What a subscription should be, from the node's parameters. */
export interface Terms extends IDataObject {
	url: string;
	events: string[];
	filter: { stream?: string; provider?: string; severity?: string };
}

export function termsOf(this: IHookFunctions): Terms {
	const filters = this.getNodeParameter('filters', {}, { extractValue: true }) as IDataObject;
	const filter: Terms['filter'] = {};
	for (const kind of ['stream', 'provider'] as const) {
		const name = this.getNodeParameter(`filters.${kind}`, '', { extractValue: true }) as string;
		if (name) filter[kind] = name;
	}
	if (filters.severity) filter.severity = filters.severity as string;
	return {
		url: this.getNodeWebhookUrl('default') as string,
		events: this.getNodeParameter('events', []) as string[],
		filter,
	};
}

/** Whether mailover has the subscription, as it should be, switched on. */
export async function exists(this: IHookFunctions): Promise<boolean> {
	const terms = termsOf.call(this);
	const kept = subscriptions(memory(this))[terms.url];
	if (kept === undefined) return false;
	const told = await askIfThere.call(this, 'GET', `/v1/subscriptions/${kept.id}`);
	return told !== undefined && fits(told, terms);
}

/** Subscribe. What the node had before under other terms, or under a URL that n8n no longer has, is ended. */
export async function create(this: IHookFunctions): Promise<string> {
	const terms = termsOf.call(this);
	const all = subscriptions(memory(this));
	const before = all[terms.url];
	const secret = `whsec_${randomBytes(32).toString('base64')}`;
	const made = await ask.call(this, 'POST', '/v1/subscriptions', { ...terms, secret });
	const kept: Kept = { id: made.id as string, secret };
	if (before?.id === kept.id) Object.assign(kept, { oldSecret: before.secret, oldSecretUntil: Date.now() + ROTATION });
	else if (before !== undefined) await end.call(this, before.id);
	all[terms.url] = kept;
	if (this.getActivationMode() !== 'manual') {
		for (const url of Object.keys(all).filter((each) => each !== terms.url)) {
			await end.call(this, all[url].id);
			delete all[url];
		}
	}
	return kept.id;
}

/** Unsubscribe. That mailover no longer knows of it is as good. */
export async function remove(this: IHookFunctions): Promise<boolean> {
	const all = subscriptions(memory(this));
	const url = this.getNodeWebhookUrl('default') as string;
	const kept = all[url];
	if (kept === undefined) return true;
	await end.call(this, kept.id);
	delete all[url];
	return true;
}

/** Every secret that may have signed a delivery to this node. */
export function secrets(this: IWebhookFunctions): string[] {
	const now = Date.now();
	return Object.values(subscriptions(memory(this))).flatMap((kept) =>
		kept.oldSecret !== undefined && (kept.oldSecretUntil ?? 0) > now ? [kept.secret, kept.oldSecret] : [kept.secret],
	);
}

/** Whether this id came before; if not, it is remembered. */
export function isRepeat(this: IWebhookFunctions, id: string): boolean {
	const mine = memory(this);
	const seen = mine.seen ?? [];
	if (seen.includes(id)) return true;
	mine.seen = [...seen, id].slice(-REMEMBERED);
	return false;
}

function memory(context: IHookFunctions | IWebhookFunctions): Memory {
	return context.getWorkflowStaticData('node') as Memory;
}

function subscriptions(mine: Memory): Record<string, Kept> {
	return (mine.subscriptions ??= {});
}

async function end(this: IHookFunctions, id: string): Promise<void> {
	await askIfThere.call(this, 'DELETE', `/v1/subscriptions/${id}`);
}

function fits(told: IDataObject, terms: Terms): boolean {
	const filter = told.filter as { streams: string[]; providers: string[]; severity: string | null };
	const wanted = [terms.filter.stream, terms.filter.provider, terms.filter.severity];
	const has = [filter.streams[0], filter.providers[0], filter.severity ?? undefined];
	return (
		told.enabled === true &&
		told.url === terms.url &&
		JSON.stringify([...(told.events as string[])].sort()) === JSON.stringify([...terms.events].sort()) &&
		JSON.stringify(has) === JSON.stringify(wanted)
	);
}
