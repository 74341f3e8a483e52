package console

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// Organisation is whom this instance serves.
type Organisation struct {
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"` // IANA name; days of reports begin at its midnight
	Currency string `json:"currency"`  // ISO 4217
}

type settings struct {
	Organisation Organisation `json:"organisation"`
}

func (c *Console) organisation(ctx context.Context) (Organisation, error) {
	return c.loadOrganisation(ctx, c.cfg.DB.Reader())
}

func (c *Console) loadOrganisation(ctx context.Context, q store.Querier) (Organisation, error) {
	org := c.cfg.Organisation
	var text string
	err := q.QueryRow(ctx, `SELECT value FROM console_settings WHERE name = 'organisation'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return org, nil
	}
	if err != nil {
		return org, err
	}
	return org, json.Unmarshal([]byte(text), &org)
}

func (c *Console) getSettings(w http.ResponseWriter, r *http.Request) error {
	org, err := c.organisation(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, settings{org})
}

func (c *Console) updateSettings(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Organisation struct {
			Name     *string `json:"name"`
			TimeZone *string `json:"time_zone"`
			Currency *string `json:"currency"`
		} `json:"organisation"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	ctx := r.Context()
	var org Organisation
	err := update(ctx, c.cfg.DB, func(tx *store.Tx) error {
		var err error
		if org, err = c.loadOrganisation(ctx, tx); err != nil {
			return err
		}
		if v := in.Organisation.Name; v != nil {
			if org.Name, err = checkName("organisation.name", *v, 100); err != nil {
				return err
			}
		}
		if v := in.Organisation.TimeZone; v != nil {
			if org.TimeZone, err = checkTimeZone(*v); err != nil {
				return err
			}
		}
		if v := in.Organisation.Currency; v != nil {
			if org.Currency, err = checkCurrency(*v); err != nil {
				return err
			}
		}
		text, err := json.Marshal(org)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO console_settings (name, value) VALUES ('organisation', ?)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, string(text))
		return err
	})
	if err != nil {
		return err
	}
	noteTarget(r, "organisation")
	return writeJSON(w, http.StatusOK, settings{org})
}

func checkTimeZone(name string) (string, error) {
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return "", touchstone.Errorf(touchstone.Invalid, "There is no time zone %.60q.", name).WithHint("Use a name such as Asia/Shanghai.")
	}
	return name, nil
}

func checkCurrency(code string) (string, error) {
	ok := len(code) == 3
	for i := 0; ok && i < 3; i++ {
		ok = code[i] >= 'A' && code[i] <= 'Z'
	}
	if !ok {
		return "", touchstone.Errorf(touchstone.Invalid, "%.20q is not a currency.", code).WithHint("Use three letters such as CNY.")
	}
	return code, nil
}
