package console

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/api"
	"github.com/touchstone-cdp/touchstone/store"
)

// Organisation is whom this instance serves.
type Organisation struct {
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"` // IANA name; days of reports begin at its midnight
	Currency string `json:"currency"`  // ISO 4217
	// OrderEvent is the event that is a sale, and OrderAmount its property with the money;
	// empty until somebody has chosen.
	OrderEvent  string `json:"order_event"`
	OrderAmount string `json:"order_amount"`
}

// Settings are what administrators change while the server runs. Other packages need some
// of them, so they can be opened before a Console is made.
type Settings struct {
	db       *store.DB
	defaults Organisation
	zone     atomic.Pointer[time.Location]
}

// OpenSettings migrates console's tables and reads the settings. defaults hold until an
// administrator says otherwise; its empty fields get defaults of their own.
func OpenSettings(ctx context.Context, db *store.DB, defaults Organisation) (*Settings, error) {
	defaults.Name = cmp.Or(defaults.Name, "Touchstone")
	defaults.TimeZone = cmp.Or(defaults.TimeZone, "UTC")
	defaults.Currency = cmp.Or(defaults.Currency, "USD")
	if _, err := checkTimeZone(defaults.TimeZone); err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "console", store.Migrations(migrationFiles)); err != nil {
		return nil, err
	}
	s := &Settings{db: db, defaults: defaults}
	return s, s.refresh(ctx)
}

// Zone is the organisation's time zone: days of reports begin at its midnight.
func (s *Settings) Zone() *time.Location { return s.zone.Load() }

// Organisation returns the organisation's settings.
func (s *Settings) Organisation(ctx context.Context) (Organisation, error) {
	return s.load(ctx, s.db.Reader())
}

func (s *Settings) load(ctx context.Context, q store.Querier) (Organisation, error) {
	org := s.defaults
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

// refresh reads what another process may have changed.
func (s *Settings) refresh(ctx context.Context) error {
	org, err := s.Organisation(ctx)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(org.TimeZone)
	if err != nil {
		return err
	}
	s.zone.Store(zone)
	return nil
}

type settingsAnswer struct {
	Organisation Organisation `json:"organisation"`
}

func (c *Console) getSettings(w http.ResponseWriter, r *http.Request) error {
	org, err := c.cfg.Settings.Organisation(r.Context())
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, settingsAnswer{org})
}

func (c *Console) updateSettings(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Organisation struct {
			Name     *string `json:"name"`
			TimeZone *string `json:"time_zone"`
			Currency *string `json:"currency"`

			OrderEvent  *string `json:"order_event"`
			OrderAmount *string `json:"order_amount"`
		} `json:"organisation"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return err
	}
	ctx := r.Context()
	var org Organisation
	err := c.cfg.DB.Retry(ctx, func(tx *store.Tx) error {
		var err error
		if org, err = c.cfg.Settings.load(ctx, tx); err != nil {
			return err
		}
		if v := in.Organisation.Name; v != nil {
			if org.Name, err = api.CheckName("organisation.name", *v, 100); err != nil {
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
		if v := in.Organisation.OrderEvent; v != nil {
			if org.OrderEvent, err = checkOptional("organisation.order_event", *v, 200); err != nil {
				return err
			}
		}
		if v := in.Organisation.OrderAmount; v != nil {
			if org.OrderAmount, err = checkOptional("organisation.order_amount", *v, 200); err != nil {
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
	if err := c.cfg.Settings.refresh(ctx); err != nil {
		return err
	}
	api.NoteTarget(r, "organisation", org.Name)
	return api.WriteJSON(w, http.StatusOK, settingsAnswer{org})
}

// checkOptional is checkName for what may be empty.
func checkOptional(field, name string, most int) (string, error) {
	if strings.TrimSpace(name) == "" {
		return "", nil
	}
	return api.CheckName(field, name, most)
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
