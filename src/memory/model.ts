/** The embedding model of this release. */

/** Name that travels with every vector of the model. */
export const MODEL_NAME = 'all-MiniLM-L6-v2';
export const MODEL_DIMENSIONS = 384;
