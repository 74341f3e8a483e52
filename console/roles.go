package console

import (
	"net/http"

	"github.com/touchstone-cdp/touchstone/access"
	"github.com/touchstone-cdp/touchstone/api"
)

type permissionAnswer struct {
	Permission access.Permission `json:"permission"`
	Feature    string            `json:"feature"`
	Allows     string            `json:"allows"`
}

type roleAnswer struct {
	Role        access.Role         `json:"role"`
	Permissions []access.Permission `json:"permissions"`
}

type scopeAnswer struct {
	Scope       string              `json:"scope"`
	Permissions []access.Permission `json:"permissions"`
}

type rolesAnswer struct {
	Permissions []permissionAnswer `json:"permissions"`
	Roles       []roleAnswer       `json:"roles"`
	Scopes      []scopeAnswer      `json:"scopes"`
}

// getRoles tells who may do what. It lists the permissions that this server's features ask
// for, in their order.
func (c *Console) getRoles(w http.ResponseWriter, _ *http.Request) error {
	var a rolesAnswer
	var asked []access.Permission
	for _, res := range c.resources {
		for _, d := range res.Permissions {
			a.Permissions = append(a.Permissions, permissionAnswer{d.Permission, res.Name, d.Allows})
			asked = append(asked, d.Permission)
		}
	}
	only := func(set access.Set) []access.Permission {
		list := []access.Permission{}
		for _, p := range asked {
			if set.Has(p) {
				list = append(list, p)
			}
		}
		return list
	}
	for _, r := range access.Roles() {
		set, _ := access.Of(r)
		a.Roles = append(a.Roles, roleAnswer{r, only(set)})
	}
	for _, s := range access.Scopes() {
		set, _ := access.OfScope(s)
		a.Scopes = append(a.Scopes, scopeAnswer{s, only(set)})
	}
	return api.WriteJSON(w, http.StatusOK, a)
}
