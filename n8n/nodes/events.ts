import type { INodePropertyOptions } from 'n8n-workflow';

/** Every type of event that mailover tells of, in the order in which people look for them. */
export const EVENTS: INodePropertyOptions[] = [
	{
		name: 'Agent Is Blind',
		value: 'agent.blind',
		description: 'Mailover cannot trust its own view, automation changes nothing',
	},
	{ name: 'Agent Sees Again', value: 'agent.sighted' },
	{ name: 'Agent Started', value: 'agent.started' },
	{ name: 'Certificate Expiring', value: 'certificate.expiring' },
	{
		name: 'DNS Broken',
		value: 'dns.broken',
		description: 'Mail through a provider no longer passes DMARC, or a domain has another fault',
	},
	{ name: 'DNS Repaired', value: 'dns.repaired' },
	{
		name: 'Fail-Back Happened',
		value: 'failback.happened',
		description: 'A stream returned to a better provider',
	},
	{ name: 'Fail-Back Paused', value: 'failback.paused' },
	{ name: 'Fail-Back Resumed', value: 'failback.resumed' },
	{
		name: 'Failover Happened',
		value: 'failover.happened',
		description: 'A stream left its provider for another one',
	},
	{ name: 'Failovers Excessive', value: 'failovers.excessive' },
	{ name: 'Incident Acknowledged', value: 'incident.acknowledged' },
	{ name: 'Incident Unacknowledged', value: 'incident.unacknowledged' },
	{ name: 'Mailbox Failing', value: 'mailbox.failing' },
	{ name: 'Mailbox Recovered', value: 'mailbox.recovered' },
	{
		name: 'Provider Closed',
		value: 'provider.closed',
		description: 'A provider works again: its circuit breaker has closed',
	},
	{
		name: 'Provider Degraded',
		value: 'provider.degraded',
		description: 'A provider fails or lags more often than its alert threshold',
	},
	{ name: 'Provider Disabled', value: 'provider.disabled' },
	{ name: 'Provider Enabled', value: 'provider.enabled' },
	{ name: 'Provider Normal', value: 'provider.normal', description: 'A slow provider is quick again' },
	{
		name: 'Provider Opened',
		value: 'provider.opened',
		description: 'A provider is out: its circuit breaker has opened',
	},
	{ name: 'Provider Rehearsed', value: 'provider.rehearsed' },
	{ name: 'Provider Slow', value: 'provider.slow' },
	{ name: 'Provider Untried', value: 'provider.untried' },
	{
		name: 'Queue Ambiguous',
		value: 'queue.ambiguous',
		description: 'A message may or may not have been delivered: its final dot was never answered',
	},
	{ name: 'Queue Drained', value: 'queue.drained' },
	{ name: 'Queue Growing', value: 'queue.growing' },
	{
		name: 'Relay Failing',
		value: 'relay.failing',
		description: 'The relay hangs: it neither takes nor sends mail',
	},
	{ name: 'Relay Recovered', value: 'relay.recovered' },
	{ name: 'Storage Failing', value: 'storage.failing' },
	{ name: 'Storage Recovered', value: 'storage.recovered' },
	{
		name: 'Stream Exhausted',
		value: 'stream.exhausted',
		description: 'No provider of a stream is left',
	},
	{
		name: 'Stream Has No Spare',
		value: 'stream.no_spare',
		description: 'One more failure would exhaust a stream',
	},
	{ name: 'Stream Has a Spare Again', value: 'stream.spare_ready' },
	{ name: 'Stream Pinned', value: 'stream.pinned' },
	{
		name: 'Stream Recovered',
		value: 'stream.recovered',
		description: 'An exhausted stream has a provider again',
	},
	{ name: 'Stream Unpinned', value: 'stream.unpinned' },
	{ name: 'Webhook Test', value: 'webhook.test', description: 'Sent on request, to see whether events arrive' },
];

export const SEVERITIES: INodePropertyOptions[] = [
	{ name: 'Info', value: 'info' },
	{ name: 'Warning', value: 'warning' },
	{ name: 'Critical', value: 'critical' },
];
