/** Packages of v1 whose tools a server may offer. */
export const PACKAGES = ['agentic-flow', 'agentdb', 'claude-flow'] as const;
export type PackageName = (typeof PACKAGES)[number];
