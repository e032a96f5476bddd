//! What the roles promise each other and the edge.
