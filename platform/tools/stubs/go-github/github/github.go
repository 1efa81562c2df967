// Package github stands for GitHub's API, as far as logins by GitHub Apps need it, which are left out with ghinstallation.
package github

import (
	"context"
	"errors"
	"net/http"
)

var errLeftOut = errors.New("this build of Argo CD has no API of GitHub")

// Client would ask GitHub.
type Client struct {
	Apps  Apps
	Users Users
}

// NewClient makes one that fails.
func NewClient(*http.Client) *Client { return &Client{} }

// WithEnterpriseURLs changes nothing.
func (c *Client) WithEnterpriseURLs(_, _ string) (*Client, error) { return c, nil }

// Apps would tell of Apps.
type Apps struct{}

// Get fails.
func (Apps) Get(context.Context, string) (*App, *Response, error) { return nil, nil, errLeftOut }

// ListInstallations fails.
func (Apps) ListInstallations(context.Context, *ListOptions) ([]*Installation, *Response, error) {
	return nil, nil, errLeftOut
}

// Users would tell of users.
type Users struct{}

// Get fails.
func (Users) Get(context.Context, string) (*User, *Response, error) { return nil, nil, errLeftOut }

// App would be one.
type App struct{}

// GetSlug tells of nothing.
func (*App) GetSlug() string { return "" }

// User would be one.
type User struct {
	Login *string
}

// GetID tells of nothing.
func (*User) GetID() int64 { return 0 }

// GetLogin tells of nothing.
func (*User) GetLogin() string { return "" }

// Installation would be one of an App.
type Installation struct {
	ID      *int64
	Account *User
}

// ListOptions would choose a page.
type ListOptions struct {
	Page, PerPage int
}

// Response would say whether there is another page.
type Response struct {
	NextPage int
}
