// Where this application meets Trailmark. Imported by pages that are rendered on the server too, where it does nothing.
import { init } from 'trailmark';

export const trailmark = init({ site: 'acme', endpoint: '/tm', consent: 'granted' });
