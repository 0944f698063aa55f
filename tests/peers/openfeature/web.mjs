// Follows flags with OpenFeature's web SDK, as a page would: told by the event stream, or by polling. Each line of the
// output is what the page knows after something happened.
import { EventSource } from 'eventsource';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

const [baseUrl, token, changeDetection] = process.argv.slice(2);
globalThis.EventSource = EventSource;
const options = changeDetection === 'polling' ? { pollInterval: 200, changeDetection } : { pollInterval: 0, changeDetection };
const provider = new OFREPWebProvider({
  baseUrl,
  headers: [['Authorization', `Bearer ${token}`]],
  cacheMode: 'disabled',
  ...options,
});
const client = OpenFeature.getClient();
const tell = (what) => console.log(JSON.stringify({
  what,
  active: client.getStringValue('active-provider', 'the default'),
  host: client.getObjectValue('smtp-relay', {}).host ?? null,
  sending: client.getBooleanValue('sending-enabled', false),
  share: client.getNumberValue('backup-share', -1),
}));
client.addHandler(ProviderEvents.ConfigurationChanged, () => tell('changed'));
await OpenFeature.setProviderAndWait(provider, { targetingKey: 'page-1', stream: 'mail' });
tell('ready');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
