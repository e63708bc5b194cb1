pub mod bulk;
pub mod name;
pub mod password;
pub mod rate;
