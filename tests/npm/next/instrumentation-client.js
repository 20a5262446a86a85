// Next runs this before it hydrates the page: the address is still the one that the visitor came by.
import './trailmark.js';
