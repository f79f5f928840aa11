/** Addresses of queue and store: what may be shown of them, and whether they leave this machine. */
import { isIPv4 } from 'node:net';

function parsed(url: string): URL | undefined {
  const at = URL.canParse(url) ? new URL(url) : undefined;
  return at?.host ? at : undefined;
}

/** Whether it is an address that other machines can reach. */
export const isFar = (url: string): boolean => parsed(url) !== undefined && !isLoopback(url);

/** Whether only this machine can reach it. */
export function isLoopback(url: string): boolean {
  const host = parsed(url)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** The address without its password, and without what follows its path, where passwords may stand too. */
export function shownAddress(url: string): string {
  const at = parsed(url);
  if (!at) return url.includes('@') ? `…@${url.slice(url.lastIndexOf('@') + 1)}` : url;
  const { protocol, username, password, host, pathname } = at;
  const user = password ? `${username}:…@` : username ? `${username}@` : '';
  return `${protocol}//${user}${host}${pathname === '/' ? '' : pathname}`;
}

/** A message of others about the address, without the secrets of it. */
export function withoutSecrets(url: string, message: string): string {
  const at = parsed(url);
  const secrets = [at?.password, ...(at?.searchParams.values() ?? [])].filter((secret) => !!secret) as string[];
  return secrets
    .flatMap((secret) => [secret, decoded(secret)])
    .reduce((text, secret) => text.replaceAll(secret, '…'), message.replaceAll(url, shownAddress(url)));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
