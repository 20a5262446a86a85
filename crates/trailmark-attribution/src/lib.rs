//! Pure rules: touches, a conversion and a site's rules give a decision with its trace.
