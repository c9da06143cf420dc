/** The check of a certificate, for those who do not ask a server. */
import { type Verification, verifyCertificate } from './certificate.js';
import { ProjectStore } from './project-store.js';

/** Waits for a server that has the store. Throws `ToolError` if there is no such certificate. */
export async function verifyProjectCertificate(
  directory: string,
  id: string,
): Promise<Verification> {
  const project = new ProjectStore(directory);
  try {
    return await project.use((store) => verifyCertificate(store, id));
  } finally {
    await project.close();
  }
}
