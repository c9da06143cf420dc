/** What a rollout needs of the releases on this machine, and of the supervisor. */
import { NodeError, messageOf } from '../errors.js';
import type { Releases, ReleaseSteps } from '../migration/release-steps.js';
import type { ReleaseName, RolloutPlan } from '../rollout/state.js';
import { CarriedBuilds } from './builds.js';
import { readReleases } from './files.js';
import type { KnownRelease, ReleaseFiles, ReleaseRecord } from './files.js';
import { identify } from './identity.js';
import type { Release } from './identity.js';
import { askRelease, findRelease } from './registry.js';
import type { SupervisedChild } from './supervised.js';

export interface SupervisedReleasesOptions {
  readonly files: ReleaseFiles;
  readonly running: Release;
  readonly supervisor: SupervisedChild;
  /** The release that was given up here last. */
  readonly failed: ReleaseRecord['failed'];
}

/** Of a node that nobody supervises: it says what it runs, and can plan. */
export function knownReleases(files: ReleaseFiles, running: Release): Releases {
  const builds = new CarriedBuilds(files);
  return { running, builds, find: (name) => find(files, running, name) };
}

/** Of a supervised node. */
export function supervisedReleases(options: SupervisedReleasesOptions): Releases {
  const { files, running, supervisor } = options;
  return {
    ...knownReleases(files, running),
    steps: new SupervisedSteps(options),
    settle: () => void supervisor.settle(),
  };
}

async function find(
  files: ReleaseFiles,
  running: Release,
  name: string,
): Promise<ReleaseName | undefined> {
  const known: ReleaseName[] = [running, ...(await readReleases(files))];
  const exact = known.find((one) => one.name === name);
  if (exact !== undefined) return nameOf(exact);
  const begun = new Map(
    known.filter((one) => one.name.startsWith(name)).map((one) => [one.name, one]),
  );
  const [only, ...others] = begun.values();
  if (others.length === 0) return only === undefined ? undefined : nameOf(only);
  const names = [...begun.keys()].join(', ');
  throw new NodeError('refused', `${name} is the beginning of several releases: ${names}`);
}

function nameOf({ name, digest, commandVersion }: ReleaseName): ReleaseName {
  return { name, digest, commandVersion };
}

class SupervisedSteps implements ReleaseSteps {
  readonly #options: SupervisedReleasesOptions;
  #failed: ReleaseRecord['failed'];

  constructor(options: SupervisedReleasesOptions) {
    this.#options = options;
    this.#failed = options.failed;
  }

  async stage(plan: RolloutPlan): Promise<{ release: string }> {
    const { name } = await this.#staged(plan);
    return { release: name };
  }

  async validate(plan: RolloutPlan, signal: AbortSignal): Promise<{ release: string }> {
    const { name, digest, path } = await this.#staged(plan);
    const said = await askRelease(path, { isRehearsal: true, signal });
    const wanted = plan.release?.to.commandVersion ?? 0;
    if (said.digest !== digest || said.commandVersion !== wanted) {
      throw new NodeError(
        'refused',
        `${path} is ${said.name} with commands of version ${said.commandVersion}, not ${name} with ` +
          `version ${wanted} as planned`,
      );
    }
    return { release: name };
  }

  async switchTo(release: string, rolloutId: number, epoch: number): Promise<void> {
    const failed = this.#failed;
    this.#failed = null;
    // This process is the one that came back after the release was tried in this very step.
    if (failed?.release === release && failed.rollout?.id === rolloutId) {
      if (failed.rollout.epoch === epoch) {
        throw new NodeError('refused', `${release} was tried and given up: ${failed.reason}`);
      }
    }
    await this.#options.supervisor.handOver(release, { id: rolloutId, epoch });
  }

  async requireStartable(release: ReleaseName): Promise<void> {
    try {
      await this.#withFiles(release);
    } catch (error) {
      throw new NodeError(
        'refused',
        `this node cannot go back to ${release.name}: ${messageOf(error)}. First put that build back ` +
          "here, with 'agentic-flow release add PATH'",
        error,
      );
    }
  }

  async #staged({ release }: RolloutPlan): Promise<KnownRelease> {
    if (release === null) throw new NodeError('refused', 'the plan names no release');
    return this.#withFiles(release.to);
  }

  /** A release that a plan names, with the very files. */
  async #withFiles({ name, digest }: ReleaseName): Promise<KnownRelease> {
    const found = await findRelease(this.#options.files, name);
    const now = await identify(found.path);
    if (found.digest === digest && now.digest === digest) return found;
    throw new NodeError(
      'refused',
      `${found.path} holds ${now.name} (${now.digest}), and the plan names ${name} (${digest}); ` +
        'install that release and add it again',
    );
  }
}
