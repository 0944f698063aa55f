import type { INodeProperties } from 'n8n-workflow';

import { operations } from './operation';

const show = (...operation: string[]) => ({ show: { resource: ['dns'], operation } });

export const dns: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['dns'] } },
		default: 'get',
		options: operations(
			{
				name: 'Get Report',
				value: 'get',
				action: 'Get DNS report',
				description: 'The latest SPF, DKIM, DMARC and MX findings of every domain with every provider',
				method: 'GET',
				url: '/v1/dns',
			},
			{
				name: 'Run Check',
				value: 'check',
				action: 'Run DNS check',
				description: 'Ask the name servers now; what is found counts like any other check',
				method: 'POST',
				url: '/v1/dns/check',
				repeatable: true,
			},
		),
	},
	{
		displayName: 'Domain',
		name: 'domain',
		type: 'string',
		default: '',
		placeholder: 'e.g. example.com',
		description: 'Show one domain only',
		displayOptions: show('get'),
		routing: { send: { type: 'query', property: 'domain', value: '={{ $value || undefined }}' } },
	},
	{
		displayName: 'With History',
		name: 'history',
		type: 'boolean',
		default: false,
		description: 'Whether to add each record as it changed',
		displayOptions: show('get'),
		routing: { send: { type: 'query', property: 'history' } },
	},
	{
		displayName: 'Domains',
		name: 'domains',
		type: 'string',
		default: '',
		placeholder: 'e.g. example.com, example.org',
		description: 'Which of the watched domains, separated by commas. Left empty, all of them.',
		displayOptions: show('check'),
		routing: {
			send: {
				type: 'body',
				property: 'domains',
				value: '={{ $value.split(",").map((each) => each.trim()).filter((each) => each) }}',
			},
		},
	},
];
