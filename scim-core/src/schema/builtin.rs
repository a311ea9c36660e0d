//! The schemas of the RFC, embedded, and the resource types it defines (RFC 7643 sections 8.6 and 8.7).

use super::load::{Extending, TypeFile};

/// The core User schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The core Group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension of User.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The schema of Schema resources.
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// The schema of ResourceType resources.
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The schema of the service provider's configuration.
pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

/// What messages about embedded schemas call their file.
pub(super) const SOURCE: &str = "built-in schemas";

/// The schemas of resources.
pub(super) const RESOURCES: &[&str] = &[
    include_str!("../../schemas/User.json"),
    include_str!("../../schemas/EnterpriseUser.json"),
    include_str!("../../schemas/Group.json"),
];

/// The schemas of the service itself, which describe what discovery answers.
pub(super) const SERVICE: &[&str] = &[
    include_str!("../../schemas/ServiceProviderConfig.json"),
    include_str!("../../schemas/ResourceType.json"),
    include_str!("../../schemas/Schema.json"),
];

/// The common attributes (RFC 7643 section 3.1).
pub(super) const COMMON: &str = include_str!("../../schemas/common.json");

/// User with the enterprise extension, and Group.
pub(super) fn types() -> Vec<TypeFile> {
    let extension = Extending { schema: ENTERPRISE_USER.into(), required: false };
    vec![
        TypeFile::built_in("User", "/Users", "User Account", USER, vec![extension]),
        TypeFile::built_in("Group", "/Groups", "Group", GROUP, Vec::new()),
    ]
}
