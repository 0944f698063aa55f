import type { INodeProperties } from 'n8n-workflow';

import { named } from '../../names';
import { reported } from '../answers';
import { asReport } from '../requests';
import { operations } from './operation';

const show = (...operation: string[]) => ({ show: { resource: ['delivery'], operation } });

export const delivery: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['delivery'] } },
		default: 'reportFailure',
		options: operations(
			{
				name: 'Report Failure',
				value: 'reportFailure',
				action: 'Report failure of a delivery',
				description: 'Tell that a real mail could not be sent through a provider; the answer says whom to try now',
				method: 'POST',
				url: '/v1/reports',
				preSend: [asReport],
				postReceive: [reported],
			},
			{
				name: 'Report Success',
				value: 'reportSuccess',
				action: 'Report success of a delivery',
				description: 'Tell that a real mail was accepted by a provider: it makes the failing share known',
				method: 'POST',
				url: '/v1/reports',
				preSend: [asReport],
				postReceive: [reported],
			},
		),
	},
	named('stream', {
		description: 'The class of mail that was sent; the answer holds what its flag says now',
		displayOptions: show('reportFailure', 'reportSuccess'),
	}),
	named('provider', {
		description: 'The SMTP account that was used',
		displayOptions: show('reportFailure', 'reportSuccess'),
	}),
	{
		displayName: 'Error Text',
		name: 'text',
		type: 'string',
		default: '',
		required: true,
		placeholder: 'e.g. {{ $json.error }}',
		description:
			'What the sending node said, as it said it. Stage and codes are read from it, and mailover finds out whose fault it is: a bad address blames no provider.',
		displayOptions: show('reportFailure'),
	},
	{
		displayName: 'Additional Fields',
		name: 'additionalFields',
		type: 'collection',
		placeholder: 'Add Field',
		default: {},
		displayOptions: show('reportFailure', 'reportSuccess'),
		options: [
			{
				displayName: 'Count',
				name: 'count',
				type: 'number',
				typeOptions: { minValue: 1, maxValue: 1000 },
				default: 1,
				description: 'How many equal outcomes this report stands for',
			},
			{
				displayName: 'Enhanced Code',
				name: 'enhanced',
				type: 'string',
				default: '',
				placeholder: 'e.g. 4.7.0',
				description: 'When the error text does not hold it',
			},
			{
				displayName: 'Recipient Domain',
				name: 'recipientDomain',
				type: 'string',
				default: '',
				placeholder: 'e.g. example.net',
				description: "So that one domain's trouble is told from a provider's. Of an address only the domain is sent.",
			},
			{
				displayName: 'SMTP Code',
				name: 'code',
				type: 'number',
				typeOptions: { minValue: 200, maxValue: 599 },
				default: 451,
				description: 'When the error text does not hold it',
			},
			{
				displayName: 'Stage',
				name: 'stage',
				type: 'options',
				options: [
					{ name: 'Arrival', value: 'arrive' },
					{ name: 'Banner', value: 'banner' },
					{ name: 'Connect', value: 'connect' },
					{ name: 'DATA Command', value: 'data' },
					{ name: 'EHLO', value: 'ehlo' },
					{ name: 'End of Message', value: 'end_data' },
					{ name: 'Login', value: 'auth' },
					{ name: 'MAIL FROM', value: 'mail' },
					{ name: 'Name Resolution', value: 'resolve' },
					{ name: 'QUIT', value: 'quit' },
					{ name: 'RCPT TO', value: 'rcpt' },
					{ name: 'STARTTLS', value: 'starttls' },
				],
				default: 'end_data',
				description: 'How far the dialogue came, when the error text does not say it',
			},
		],
	},
];
