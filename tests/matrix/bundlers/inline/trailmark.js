// The same for a tool that knows no files but scripts: the entry that has the module in it.
import { init } from 'trailmark/inline';

export const trailmark = init({ site: 'acme', consent: 'granted' });
