/** Networks of one machine, made of network namespaces of Linux. Wants root and `ip`. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

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

/** A machine of its own behind a cable to the hub. Networks are of 24 bits. */
export interface Spoke {
  /** Letters and digits; also the name of the hub's end of the cable. */
  readonly name: string;
  readonly hosts: readonly string[];
  /** Address of the hub's end, where all that leaves the spoke goes. */
  readonly gateway: string;
}

/** A namespace for a hub and one for each spoke. Removed by `remove`, even half made. */
export class Star {
  readonly hub: string;
  readonly #spokes: readonly Spoke[];

  constructor(hubName: string, spokes: readonly Spoke[]) {
    this.#spokes = spokes;
    this.hub = nameOf(hubName);
  }

  namespaceOf(spokeName: string): string {
    return nameOf(spokeName);
  }

  /** `mtuBytes`: longest IP packet on the cables. */
  create(mtuBytes: number): void {
    for (const name of this.#namespaces()) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    for (const spoke of this.#spokes) this.#connect(spoke, mtuBytes);
  }

  /** Gives the hub an address that belongs to no cable. */
  addHubAddress(host: string): void {
    ip('-n', this.hub, 'address', 'add', `${host}/32`, 'dev', 'lo');
  }

  /** Takes an address away from a spoke. */
  removeAddress(spokeName: string, host: string): void {
    // Else the system takes the second address of a network away with its first.
    const setting = '/proc/sys/net/ipv4/conf/node/promote_secondaries';
    const name = this.namespaceOf(spokeName);
    ip('netns', 'exec', name, 'sh', '-c', `echo 1 > ${setting}`);
    ip('-n', name, 'address', 'delete', `${host}/24`, 'dev', 'node');
  }

  /**
   * Sets up the kernel's own impairment on all cables of the hub. False when it has none: then
   * nothing is changed.
   */
  impair(netem: readonly string[]): boolean {
    for (const [position, { name }] of this.#spokes.entries()) {
      const command = ['tc', 'qdisc', 'replace', 'dev', name, 'root', 'netem', ...netem];
      try {
        ip('netns', 'exec', this.hub, ...command);
      } catch (error) {
        if (position > 0) throw error;
        return false;
      }
    }
    return true;
  }

  remove(): void {
    for (const name of this.#namespaces()) {
      if (existsSync(`/run/netns/${name}`)) ip('netns', 'delete', name);
    }
  }

  #namespaces(): string[] {
    return [this.hub, ...this.#spokes.map(({ name }) => nameOf(name))];
  }

  #connect({ name: device, hosts, gateway }: Spoke, mtuBytes: number): void {
    const spoke = nameOf(device);
    const cable = ['link', 'add', 'node', 'type', 'veth', 'peer', 'name', device];
    ip('-n', spoke, ...cable, 'netns', this.hub);
    for (const [namespace, link, addresses] of [
      [spoke, 'node', hosts],
      [this.hub, device, [gateway]],
    ] as const) {
      ip('-n', namespace, 'link', 'set', link, 'mtu', String(mtuBytes), 'up');
      for (const host of addresses) {
        ip('-n', namespace, 'address', 'add', `${host}/24`, 'dev', link);
      }
    }
    ip('-n', spoke, 'route', 'add', 'default', 'via', gateway);
  }
}

function nameOf(part: string): string {
  return `${PREFIX}-${process.pid}-${part}`;
}

/**
 * Removes what runs left behind that were killed, with the processes in it: the names of the
 * namespaces carry the process that made them.
 */
export function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const match = new RegExp(`^(${PREFIX}-(\\d+)-\\w+)`).exec(line);
    if (match === null || existsSync(`/proc/${match[2]}`)) continue;
    for (const pid of ip('netns', 'pids', match[1]!).split('\n')) {
      if (pid.trim() !== '') kill(Number(pid));
    }
    ip('netns', 'delete', match[1]!);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
