import type {
	IAuthenticateGeneric,
	Icon,
	ICredentialTestRequest,
	ICredentialType,
	INodeProperties,
} from 'n8n-workflow';

/** Where mailover is, and a token of it. */
export class MailoverApi implements ICredentialType {
	name = 'mailoverApi';

	displayName = 'Mailover API';

	icon: Icon = {
		light: 'file:../icons/mailover.svg',
		dark: 'file:../icons/mailover.dark.svg',
	};

	documentationUrl = 'https://github.com/mailover/mailover/blob/main/n8n/README.md#the-credential';

	properties: INodeProperties[] = [
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: 'http://127.0.0.1:8587',
			placeholder: 'https://mailover.example.com',
			description: 'Where the API of mailover listens, without /v1',
			required: true,
		},
		{
			displayName: 'API Token',
			name: 'apiToken',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			description:
				'Made with `mailover token create n8n --scope operate --scope report`. Reading needs the scope read (operate has it), reports need report, the trigger and everything that changes something need operate.',
		},
	];

	authenticate: IAuthenticateGeneric = {
		type: 'generic',
		properties: {
			headers: {
				Authorization: '=Bearer {{$credentials.apiToken}}',
			},
		},
	};

	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{$credentials.baseUrl.replace(/\\/+$/, "")}}',
			url: '/v1/active-provider',
		},
	};
}
