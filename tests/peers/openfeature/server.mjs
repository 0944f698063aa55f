// Evaluates flags with OpenFeature's server SDK: each line of the input is a question, each line of the output its answer.
import readline from 'node:readline';
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const [baseUrl, token] = process.argv.slice(2);
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers: [['Authorization', `Bearer ${token}`]] }));
const client = OpenFeature.getClient();
const ask = {
  string: (key, context) => client.getStringDetails(key, 'the default', context),
  boolean: (key, context) => client.getBooleanDetails(key, false, context),
  number: (key, context) => client.getNumberDetails(key, -1, context),
  object: (key, context) => client.getObjectDetails(key, {}, context),
};
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { kind, key, context } = JSON.parse(line);
  const { value, reason, variant, errorCode, flagMetadata } = await ask[kind](key, context ?? {});
  console.log(JSON.stringify({ value, reason, variant, errorCode, flagMetadata }));
}
