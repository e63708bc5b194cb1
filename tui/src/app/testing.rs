//! What tests of layers are made of.
