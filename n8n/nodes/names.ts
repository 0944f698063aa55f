import type { IDataObject, ILoadOptionsFunctions, INodeListSearchResult, INodeProperties } from 'n8n-workflow';

import { ask } from './asking';

/** Parameters that name a stream or a provider: chosen from mailover's own lists, or typed. */
export function named(kind: 'stream' | 'provider', more: Partial<INodeProperties> = {}): INodeProperties {
	const title = kind === 'stream' ? 'Stream' : 'Provider';
	return {
		displayName: title,
		name: kind,
		type: 'resourceLocator',
		default: { mode: 'list', value: '' },
		required: true,
		description: kind === 'stream' ? 'The class of mail, as in the config' : 'The SMTP account, as in the config',
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				placeholder: `Select a ${kind}`,
				typeOptions: {
					searchListMethod: kind === 'stream' ? 'searchStreams' : 'searchProviders',
					searchable: true,
				},
			},
			{
				displayName: 'By Name',
				name: 'name',
				type: 'string',
				placeholder: kind === 'stream' ? 'e.g. transactional' : 'e.g. postmark',
			},
		],
		...more,
	} as INodeProperties;
}

export async function searchStreams(this: ILoadOptionsFunctions, filter?: string): Promise<INodeListSearchResult> {
	return await choices.call(this, '/v1/streams', 'stream', filter);
}

export async function searchProviders(this: ILoadOptionsFunctions, filter?: string): Promise<INodeListSearchResult> {
	return await choices.call(this, '/v1/providers', 'name', filter);
}

async function choices(
	this: ILoadOptionsFunctions,
	path: string,
	key: string,
	filter = '',
): Promise<INodeListSearchResult> {
	const { items } = (await ask.call(this, 'GET', path)) as { items: IDataObject[] };
	const found = items.map((item) => String(item[key])).filter((name) => name.includes(filter.toLowerCase()));
	return { results: found.map((name) => ({ name, value: name })) };
}
