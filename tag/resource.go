package tag

import "github.com/touchstone-cdp/touchstone/access"

// The permissions of tags.
const (
	mayRead    access.Permission = "tags:read"
	mayWrite   access.Permission = "tags:write"
	mayApprove access.Permission = "tags:approve"
	mayGive    access.Permission = "tags:give"
)
