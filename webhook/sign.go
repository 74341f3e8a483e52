package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

const secretPrefix = "whsec_"

// sign returns the signatures of a message by all secrets that are valid, as the header
// webhook-signature has them: "v1,… v1,…".
func sign(secrets []Secret, id string, at time.Time, body []byte) string {
	var b strings.Builder
	for _, s := range secrets {
		if !s.EndsAt.IsZero() && !at.Before(s.EndsAt) {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.Text, secretPrefix))
		if err != nil { // made by newSecret
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return b.String()
}
