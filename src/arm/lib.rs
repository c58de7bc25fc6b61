//! Azure's vocabulary: resource ids, bodies, states and errors as Azure Resource Manager writes them.
