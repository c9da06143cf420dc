/** The MCP server: tools of v1 on the v2 store of a project. */
export { catalogueOf, type Catalogue, PACKAGES, type PackageName } from './catalogue.js';
export { serveOnStdio } from './stdio.js';
