import type { IHttpRequestMethods, INodePropertyOptions, PostReceiveAction, PreSendAction } from 'n8n-workflow';

import { unlessRefused } from '../answers';
import { onlyOnce } from '../requests';

/** One operation: how it is called in the editor, and which call of the API it makes. */
export interface Operation {
	name: string;
	value: string;
	action: string;
	description: string;
	method: IHttpRequestMethods;
	/** A path, or an expression that makes one. */
	url: string;
	preSend?: PreSendAction[];
	postReceive?: PostReceiveAction[];
	body?: Record<string, unknown>;
	/** What may be asked again and again without an Idempotency-Key: a look, or a probe. */
	repeatable?: boolean;
}

/** Operations as n8n wants them. Every call that changes something gets its Idempotency-Key here, every refusal its words. */
export function operations(...all: Operation[]): INodePropertyOptions[] {
	return all.map(({ method, url, preSend = [], postReceive = [], body, repeatable, ...shown }) => ({
		...shown,
		routing: {
			request: { method, url, ...(body === undefined ? {} : { body }) },
			...(method === 'GET' ? {} : { send: { preSend: [...preSend, ...(repeatable ? [] : [onlyOnce])] } }),
			output: { postReceive: [unlessRefused, ...postReceive] },
		},
	}));
}

/** The items of a list. */
export const ITEMS: PostReceiveAction = { type: 'rootProperty', properties: { property: 'items' } };

/** A path with names of the node's parameters in it, as in `/v1/streams/{stream}/pin`. */
export function path(template: string): string {
	return `=${template.replace(/\{(\w+)\}/g, (_, name: string) => `{{ encodeURIComponent($parameter["${name}"]) }}`)}`;
}
