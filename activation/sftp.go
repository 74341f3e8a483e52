package activation

import (
	"context"
	"errors"
	"io"
	"net"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/touchstone-cdp/touchstone"
)

const (
	connectTime = 15 * time.Second
	uploadTime  = 30 * time.Minute
)

func checkSFTP(t *Target, secret string) error {
	host, port, err := net.SplitHostPort(t.Host)
	switch {
	case t.Host == "" || t.User == "":
		return touchstone.Errorf(touchstone.Invalid, "An SFTP server needs a host, a user, and a password or private key.")
	case err != nil:
		t.Host = net.JoinHostPort(t.Host, "22")
	case host == "" || port == "":
		return touchstone.Errorf(touchstone.Invalid, "%q is not the address of a server.", t.Host).WithHint("Write it like sftp.example.com:22.")
	}
	if secret == "" {
		return touchstone.Errorf(touchstone.Invalid, "An SFTP server needs a host, a user, and a password or private key.")
	}
	if strings.Contains(secret, "PRIVATE KEY") {
		if _, err := ssh.ParsePrivateKey([]byte(secret)); err != nil {
			return touchstone.Errorf(touchstone.Invalid, "The private key cannot be read.").WithHint("Give it in the form of OpenSSH or PEM, without a passphrase.")
		}
	}
	if t.HostKey != "" && !strings.HasPrefix(t.HostKey, "SHA256:") {
		return touchstone.Errorf(touchstone.Invalid, "The server's key is told as SHA256:… and its fingerprint.").WithHint("ssh-keyscan HOST | ssh-keygen -lf - prints it.")
	}
	return nil
}

// connect opens a session, and returns the fingerprint of the server's key. Without a known key no password leaves.
func (a *Activations) connect(ctx context.Context, t *Target, secret string) (client *sftp.Client, end func(), key string, err error) {
	config := &ssh.ClientConfig{User: t.User, Timeout: connectTime, HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
		key = ssh.FingerprintSHA256(k)
		if key != t.HostKey {
			return errors.New("another host key")
		}
		return nil
	}}
	if signer, err := ssh.ParsePrivateKey([]byte(secret)); err == nil {
		config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	} else {
		config.Auth = []ssh.AuthMethod{ssh.Password(secret)}
	}
	dialing, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := a.cfg.Dial(dialing, "tcp", t.Host)
	if err != nil {
		return nil, nil, "", unreachable(err)
	}
	_ = conn.SetDeadline(time.Now().Add(connectTime)) // a server that says nothing must not hold the job
	session, channels, requests, err := ssh.NewClientConn(conn, t.Host, config)
	if err != nil {
		_ = conn.Close()
		return nil, nil, key, refused(err, key, t.HostKey)
	}
	_ = conn.SetDeadline(time.Now().Add(uploadTime))
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	sshClient := ssh.NewClient(session, channels, requests)
	if client, err = sftp.NewClient(sshClient); err != nil {
		stop()
		_ = sshClient.Close()
		return nil, nil, key, touchstone.Errorf(touchstone.Unavailable, "The server speaks SSH, but not SFTP: %s.", err.Error())
	}
	return client, func() {
		stop()
		_ = sshClient.Close() // first: a server that leaves its side open would hold up the other
		_ = client.Close()
	}, key, nil
}

func unreachable(err error) error {
	var own *touchstone.Error
	if errors.As(err, &own) { // the guard's
		return own
	}
	return touchstone.Errorf(touchstone.Unavailable, "The server cannot be reached: %s.", err.Error())
}

// refused says why there is no session; is is the key that the server has shown, "" if it came to none.
func refused(err error, is, want string) error {
	if is != "" && is != want {
		return touchstone.Errorf(touchstone.Forbidden, "The server has the key %s, which is not the one that was set.", is).
			WithHint("Ask whoever runs the server whether the key is theirs, and set it then.")
	}
	if strings.Contains(err.Error(), "unable to authenticate") {
		return touchstone.Errorf(touchstone.Forbidden, "The server does not take the user with this password or key.")
	}
	return touchstone.Errorf(touchstone.Unavailable, "The server cannot be reached: %s.", err.Error())
}

// upload puts a file on a server: under another name first, so that nobody reads half of it. Sending it again replaces it.
func (a *Activations) upload(ctx context.Context, x *Activation, name string, from io.Reader) error {
	client, end, _, err := a.connect(ctx, &x.Target, x.secret)
	if err != nil {
		return err
	}
	defer end()
	to := path.Join(x.Target.Folder, name)
	f, err := client.Create(to + ".part")
	if err != nil {
		return touchstone.Errorf(touchstone.Unavailable, "The server does not take the file: %s.", err.Error())
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err != nil {
		return touchstone.Errorf(touchstone.Unavailable, "The file did not arrive whole: %s.", err.Error())
	}
	if err = client.PosixRename(to+".part", to); err != nil {
		_ = client.Remove(to) // a server without that extension does not replace
		err = client.Rename(to+".part", to)
	}
	if err != nil {
		return touchstone.Errorf(touchstone.Unavailable, "The server does not take the file: %s.", err.Error())
	}
	return nil
}

// Tested is what a look at a server brought.
type Tested struct {
	OK      bool   `json:"ok"`
	HostKey string `json:"host_key,omitempty"` // the server's; to be set, if it is the right one
}

// Test connects to where an activation sends, and sends nothing about anybody. Of a server whose key is not set it tells the key.
func (a *Activations) Test(ctx context.Context, id string) (Tested, error) {
	x, err := a.Get(ctx, id)
	if err != nil {
		return Tested{}, err
	}
	switch x.Target.Type {
	case "sftp":
		_, end, key, err := a.connect(ctx, &x.Target, x.secret)
		if err == nil {
			end()
			return Tested{true, key}, nil
		}
		if x.Target.HostKey == "" && key != "" {
			return Tested{false, key}, nil
		}
		return Tested{}, err
	case "call":
		_, err := a.cfg.Post(ctx, x.Target.URL, x.secret, "msg_test_"+x.ID, []byte(`{"type":"activation.test","test":true}`))
		return Tested{OK: err == nil}, err
	}
	return Tested{OK: true}, nil
}
