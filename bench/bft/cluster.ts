import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ValidatorSet } from '../../consensus/bft/index.js';
import { makePlainGenesis } from '../../test/nodes/bft/plain-genesis.js';
import { makeDataFolder } from '../raft-processes/data-folder.js';
import { freeUdpPort } from '../raft-processes/ports.js';
import { Child } from '../transport/child.js';
import type { BftRequest, LoadReport, StatusReport } from './validator-process.js';

const SCRIPT = new URL('validator-process.js', import.meta.url);

/** Commands that were decided one at a time. */
interface AloneLoad {
  /** From submit to decided, of each. */
  readonly decidedMs: readonly number[];
  /** Processor time of all processes for each command. */
  readonly cpuMs: number;
}

/** Commands that were decided many at a time. */
interface ManyLoad {
  readonly perSecond: number;
  readonly perHeight: number;
  /** Processor time of all processes, clients included, for each command. */
  readonly cpuMs: number;
}

/** One large value. */
interface LargeLoad {
  /** From submit to decided, at its proposer. */
  readonly decidedMs: number;
  /** More than 1 if it was not decided in the first one: the proposer came too late. */
  readonly heights: number;
  /** Sent by the proposer until all had it, and by who sent most of the others. */
  readonly proposerBytes: number;
  readonly otherBytesMost: number;
}

/** How values are spread. */
interface Values {
  readonly partsFrom?: number;
  /** Each validator takes all of a value from its proposer. */
  readonly isWhole?: boolean;
}

/** Validators of one chain, each a process with files of its own, over QUIC on the loopback. */
export class Cluster {
  private constructor(
    private readonly children: readonly Child[],
    private readonly folder: string,
    private readonly ids: readonly string[],
  ) {}

  /** Resolves when each is connected to all others. */
  static async start(count: number, values: Values = {}): Promise<Cluster> {
    const folder = makeDataFolder();
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freeUdpPort());
    const made = makePlainGenesis('bench', ports);
    const { identities } = made;
    const { isWhole = false, ...rest } = values;
    const genesis = { ...made.genesis, ...rest };
    const cluster = new Cluster(
      identities.map(() => new Child(SCRIPT, [])),
      folder,
      identities.map(({ peerId }) => peerId),
    );
    try {
      await Promise.all(
        identities.map(({ privateKeyPem }, at) => {
          const directory = join(folder, String(at));
          return cluster.#ask(at, { do: 'start', directory, privateKeyPem, genesis, isWhole });
        }),
      );
      await cluster.#until(({ peersUp }) => peersUp === count - 1);
    } catch (error) {
      cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Has commands decided one at a time, the same number by each validator. */
  async alone(count: number): Promise<AloneLoad> {
    const before = await this.#used();
    const decidedMs: number[] = [];
    const each = Math.ceil(count / this.children.length);
    for (const at of this.children.keys()) {
      decidedMs.push(...((await this.#ask(at, { do: 'alone', count: each })) as number[]));
    }
    const { cpuMs } = await this.#used();
    return { decidedMs, cpuMs: (cpuMs - before.cpuMs) / decidedMs.length };
  }

  /** Has commands decided for a time, `inFlight` of each validator at a time. */
  async many(inFlight: number, durationMs: number): Promise<ManyLoad> {
    const before = await this.#used();
    const reports = (await Promise.all(
      this.children.map((_, at) => this.#ask(at, { do: 'many', inFlight, durationMs })),
    )) as LoadReport[];
    const after = await this.#used();
    const commands = reports.reduce((sum, report) => sum + report.commands, 0);
    return {
      // Over the time of the slowest: its last commands are counted too.
      perSecond: commands / (Math.max(...reports.map(({ ms }) => ms)) / 1_000),
      perHeight: commands / (after.height - before.height),
      cpuMs: (after.cpuMs - before.cpuMs) / commands,
    };
  }

  /** Has commands of so many bytes decided in one value, by whom it is to propose the next one. */
  async large(bytes: readonly number[]): Promise<LargeLoad> {
    const { height } = await this.#status(0);
    await this.#until((status) => status.height >= height);
    const before = await this.#sent();
    const set = new ValidatorSet(this.ids.map((id) => ({ id, weight: 1 })));
    const proposer = this.ids.indexOf(set.proposerOf(height + 1, 0));
    const decidedMs = (await this.#ask(proposer, { do: 'large', bytes })) as number;
    const decided = await this.#status(proposer);
    await this.#until((status) => status.height >= decided.height);
    const sent = (await this.#sent()).map((after, at) => after - before[at]!);
    const others = sent.filter((_, at) => at !== proposer);
    const heights = decided.height - height;
    return {
      decidedMs,
      heights,
      proposerBytes: sent[proposer]!,
      otherBytesMost: Math.max(...others),
    };
  }

  close(): void {
    for (const child of this.children) child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #sent(): Promise<readonly number[]> {
    const all = await Promise.all(this.children.map((_, at) => this.#status(at)));
    return all.map(({ sentBytes }) => sentBytes);
  }

  #ask(at: number, request: BftRequest): Promise<unknown> {
    return this.children[at]!.ask(request);
  }

  async #status(at: number): Promise<StatusReport> {
    return (await this.#ask(at, { do: 'status' })) as StatusReport;
  }

  /** The height that the first validator has decided, and the processor time of all so far. */
  async #used(): Promise<{ readonly height: number; readonly cpuMs: number }> {
    const all = await Promise.all(this.children.map((_, at) => this.#status(at)));
    const cpuMs = all.reduce((sum, { cpuMicroseconds }) => sum + cpuMicroseconds, 0) / 1_000;
    return { height: all[0]!.height, cpuMs };
  }

  async #until(isSo: (status: StatusReport) => boolean): Promise<void> {
    for (const at of this.children.keys()) {
      while (!isSo(await this.#status(at))) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}
