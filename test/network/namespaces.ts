import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** The left node, the right node, and the router between them. */
export const LEFT = '10.77.1.2';
export const LEFT_SECOND = '10.77.1.3';
export const ROUTER_LEFT = '10.77.1.1';
export const ROUTER_RIGHT = '10.77.2.1';
export const RIGHT = '10.77.2.2';

const PREFIX = 'agentic';

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Why networks cannot be made here, or undefined. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces want root; run it with sudo';
  try {
    ip('-V');
  } catch {
    return "the command 'ip' is missing; install iproute2";
  }
  const probe = `${PREFIX}-${process.pid}-probe`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'delete', probe);
  } catch (error) {
    return `no network namespace can be made: ${(error as Error).message}`;
  }
  return undefined;
}

/** Three namespaces in a row, joined by two virtual cables. Removed by `remove`, even half made. */
export class Namespaces {
  readonly left: string;
  readonly router: string;
  readonly right: string;

  constructor() {
    const name = `${PREFIX}-${process.pid}`;
    this.left = `${name}-left`;
    this.router = `${name}-router`;
    this.right = `${name}-right`;
  }

  /** `mtuBytes`: longest IP packet on the cables. */
  create(mtuBytes: number): void {
    for (const name of [this.left, this.router, this.right]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    this.#cable(this.left, [LEFT, LEFT_SECOND], [ROUTER_LEFT], 'left', mtuBytes);
    this.#cable(this.right, [RIGHT], [ROUTER_RIGHT], 'right', mtuBytes);
    ip('-n', this.left, 'route', 'add', 'default', 'via', ROUTER_LEFT);
    ip('-n', this.right, 'route', 'add', 'default', 'via', ROUTER_RIGHT);
  }

  /** Takes an address away from the left node. */
  removeAddress(host: string): void {
    // Else the system takes the second address of a network away with its first.
    const setting = '/proc/sys/net/ipv4/conf/node/promote_secondaries';
    ip('netns', 'exec', this.left, 'sh', '-c', `echo 1 > ${setting}`);
    ip('-n', this.left, 'address', 'delete', `${host}/24`, 'dev', 'node');
  }

  /**
   * Sets up the kernel's own impairment on both cables of the router. False when it has none: then
   * nothing is changed.
   */
  impair(netem: readonly string[]): boolean {
    const set = (device: string): void => {
      const command = ['tc', 'qdisc', 'replace', 'dev', device, 'root', 'netem', ...netem];
      ip('netns', 'exec', this.router, ...command);
    };
    try {
      set('left');
    } catch {
      return false;
    }
    set('right');
    return true;
  }

  remove(): void {
    for (const name of [this.left, this.router, this.right]) {
      if (existsSync(`/run/netns/${name}`)) ip('netns', 'delete', name);
    }
  }

  #cable(
    node: string,
    nodeHosts: readonly string[],
    routerHosts: readonly string[],
    device: string,
    mtuBytes: number,
  ): void {
    ip(
      '-n',
      node,
      'link',
      'add',
      'node',
      'type',
      'veth',
      'peer',
      'name',
      device,
      'netns',
      this.router,
    );
    for (const [name, link, hosts] of [
      [node, 'node', nodeHosts],
      [this.router, device, routerHosts],
    ] as const) {
      ip('-n', name, 'link', 'set', link, 'mtu', String(mtuBytes), 'up');
      for (const host of hosts) ip('-n', name, 'address', 'add', `${host}/24`, 'dev', link);
    }
  }
}

/** Removes what runs left behind that were killed: their names carry the process that made them. */
export function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const match = new RegExp(`^(${PREFIX}-(\\d+)-\\w+)`).exec(line);
    if (match !== null && !existsSync(`/proc/${match[2]}`)) ip('netns', 'delete', match[1]!);
  }
}
