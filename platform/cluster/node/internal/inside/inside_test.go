package inside

import "testing"

func TestAWayOutBeginsAtTheNodeUnlessItSaysWhere(t *testing.T) {
	for from, want := range map[string]string{
		"5000":            "10.244.0.1:5000",
		"127.0.0.1:30510": "127.0.0.1:30510",
		"[::1]:30510":     "[::1]:30510",
	} {
		if got := at("10.244.0.1", from); got != want {
			t.Errorf("%s begins at %s, want %s", from, got, want)
		}
	}
}
