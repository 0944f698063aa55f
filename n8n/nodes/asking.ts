import type {
	IDataObject,
	IHookFunctions,
	IHttpRequestMethods,
	ILoadOptionsFunctions,
	JsonObject,
} from 'n8n-workflow';
import { NodeApiError } from 'n8n-workflow';

/** How long an answer may take, in milliseconds; n8n itself would wait for five minutes. */
const PATIENCE = 30_000;

/** One call of mailover's API outside of an execution. Fails with what mailover said and what to do about it. */
export async function ask(
	this: IHookFunctions | ILoadOptionsFunctions,
	method: IHttpRequestMethods,
	path: string,
	body?: IDataObject,
): Promise<IDataObject> {
	const { baseUrl } = await this.getCredentials<{ baseUrl: string }>('mailoverApi');
	try {
		return (await this.helpers.httpRequestWithAuthentication.call(this, 'mailoverApi', {
			method,
			baseURL: baseUrl.replace(/\/+$/, ''),
			url: path,
			headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
			body: body ?? (method === 'GET' ? undefined : '{}'),
			json: true,
			timeout: PATIENCE,
		})) as IDataObject;
	} catch (error) {
		const { status, detail } = problem(error);
		throw new NodeApiError(this.getNode(), error as JsonObject, {
			message: detail ?? 'Mailover could not be reached',
			description: advice(status, detail),
			httpCode: status === undefined ? undefined : String(status),
		});
	}
}

/** The same, or undefined when what the path names is not there. */
export async function askIfThere(
	this: IHookFunctions | ILoadOptionsFunctions,
	method: IHttpRequestMethods,
	path: string,
): Promise<IDataObject | undefined> {
	try {
		return await ask.call(this, method, path);
	} catch (error) {
		if (error instanceof NodeApiError && error.httpCode === '404') return undefined;
		throw new NodeApiError(this.getNode(), error as JsonObject);
	}
}

/** What mailover said about a call that failed: RFC 9457. */
export function problem(error: unknown): { status?: number; detail?: string } {
	const failed = error as {
		httpCode?: string | null;
		response?: { status?: number; data?: unknown; body?: unknown };
		context?: { data?: unknown };
	};
	const told = failed.response?.data ?? failed.response?.body ?? failed.context?.data;
	const status = failed.response?.status ?? (failed.httpCode ? Number(failed.httpCode) : undefined);
	return { status, detail: words(typeof told === 'string' ? parsed(told) : told) };
}

function words(told: unknown): string | undefined {
	const { detail, errors } = (told ?? {}) as { detail?: unknown; errors?: Array<IDataObject> };
	if (typeof detail !== 'string') return undefined;
	const parts = (errors ?? []).map((each) => `${each.pointer ?? each.parameter ?? ''} ${each.detail}`.trim());
	return parts.length > 0 ? `${detail} (${parts.join('; ')})` : detail;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** How to go on. */
export function advice(status: number | undefined, detail = ''): string {
	if (detail.startsWith('the URL is refused')) {
		return 'Mailover does not send to this address. Add it to webhook_allow under [server] in the config of mailover, and check that WEBHOOK_URL of n8n is an address which mailover can reach.';
	}
	switch (status) {
		case undefined:
			return 'Check the base URL in the credential, and that mailover is running.';
		case 401:
			return 'Check the token in the credential: it may have been revoked.';
		case 403:
			return 'The token lacks a scope. Make one with `mailover token create n8n --scope operate --scope report`.';
		case 404:
			return 'Nothing has this name. Choose a name from the list, or check the spelling.';
		case 429:
			return 'Mailover asks for fewer calls. Put several reports into one, or switch on Retry On Fail.';
		default:
			return status >= 500
				? 'Mailover cannot do this at the moment. Switch on Retry On Fail: repeated calls are carried out once.'
				: 'Mailover refused the call as it stands; the message says why.';
	}
}
