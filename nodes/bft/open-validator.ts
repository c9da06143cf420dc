import { checkOptions } from './check-options.js';
import { readGenesis } from './genesis.js';
import type { ValidatorOptions } from './options.js';
import { ValidatorStore } from './store.js';
import { Validator } from './validator.js';

/**
 * Opens a validator: reads its files, applies what `appliedHeight` lacks, listens, and takes part.
 * Throws `ValidatorError`, `StorageError` if the directory cannot be used, and `RpcError` if the
 * address cannot be listened on.
 */
export async function openValidator(options: ValidatorOptions): Promise<Validator> {
  const chain = readGenesis(options.genesis);
  const { directory, identity, disk } = options;
  checkOptions(options, chain);
  const store = await ValidatorStore.open(directory, chain.digest, identity, disk);
  try {
    const validator = new Validator(options, chain, store);
    await validator.start();
    return validator;
  } catch (error) {
    await store.close();
    throw error;
  }
}
