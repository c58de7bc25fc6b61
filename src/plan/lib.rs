//! The decision core: from an object and what is known of Azure to what is to be done and said.
