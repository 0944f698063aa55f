import { createHmac, timingSafeEqual } from 'crypto';
import type { IDataObject } from 'n8n-workflow';

/** How far the sender's clock and ours may be apart, in seconds; older deliveries may be replays. */
export const TOLERANCE = 300;

/**
 * Why a delivery is not to be believed, or undefined when it is. It is genuine when any of its signatures fits any of
 * the secrets: while a secret is being replaced, both sides may know two.
 */
export function complaint(headers: IDataObject, body: Buffer, secrets: string[], now: number): string | undefined {
	const id = headers['webhook-id'];
	const timestamp = headers['webhook-timestamp'];
	const signatures = headers['webhook-signature'];
	if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
		return 'it is not signed';
	}
	if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE) {
		return 'its time is too far from ours';
	}
	const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
	const ours = secrets.map((secret) => createHmac('sha256', key(secret)).update(signed).digest());
	const theirs = signatures
		.split(' ')
		.filter((each) => each.startsWith('v1,'))
		.map((each) => Buffer.from(each.slice(3), 'base64'));
	const genuine = theirs.some((each) => ours.some((mac) => mac.length === each.length && timingSafeEqual(mac, each)));
	return genuine ? undefined : 'its signature fits no secret of ours';
}

function key(secret: string): Buffer {
	return Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
}
