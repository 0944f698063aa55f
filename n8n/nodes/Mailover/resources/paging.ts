import type { INodeProperties, INodePropertyRouting } from 'n8n-workflow';

const NEXT_PAGE: INodePropertyRouting = {
	send: { paginate: '={{ $value }}', type: 'query', property: 'limit', value: '500' },
	operations: {
		pagination: {
			type: 'generic',
			properties: {
				continue: '={{ Boolean($response.body?.next) }}',
				request: {
					url: '={{ $request.url }}{{ $response.body?.next ? "?after=" + encodeURIComponent($response.body.next) : "" }}',
				},
			},
		},
	},
};

/** "Return All" and "Limit" of a list that has pages. */
export function paging(resource: string, operation: string): INodeProperties[] {
	return [
		{
			displayName: 'Return All',
			name: 'returnAll',
			type: 'boolean',
			default: false,
			description: 'Whether to return all results or only up to a given limit',
			displayOptions: { show: { resource: [resource], operation: [operation] } },
			routing: NEXT_PAGE,
		},
		{
			displayName: 'Limit',
			name: 'limit',
			type: 'number',
			typeOptions: { minValue: 1, maxValue: 500 },
			default: 50,
			description: 'Max number of results to return',
			displayOptions: { show: { resource: [resource], operation: [operation], returnAll: [false] } },
			routing: { send: { type: 'query', property: 'limit' }, output: { maxResults: '={{ $value }}' } },
		},
	];
}
