/** The MCP server: tools of v1 on the v2 store of a project. */
export { catalogueOf, type Catalogue } from './catalogue.js';
export { type HttpService, serveOnHttp } from './http.js';
export { verifyProjectCertificate } from './verify.js';
export { serveOnStdio } from './stdio.js';
