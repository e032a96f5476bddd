use std::collections::BTreeMap;
use std::fs;

use super::*;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    http: Http,
    keys: Keys,
    tax_percent: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    host: String,
    port: u16,
    #[serde(deserialize_with = "comma_separated")]
    origins: Vec<String>,
    docs: bool,
    style: Style,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Style {
    #[default]
    Plain,
}

impl Default for Http {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: 8080, origins: Vec::new(), docs: true, style: Style::Plain }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    signing: Option<Secret>,
    older: BTreeMap<String, Secret>,
}

/// Settings from a file's text, variables and flags, with `$DIR` for the folder that holds the file.
struct Given {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Given {
    fn file(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.toml");
        fs::write(&path, text).unwrap();
        Self { dir, sources: Sources { file: Some(path), ..Sources::default() } }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.into(), value.replace("$DIR", self.dir.path().to_str().unwrap()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    fn load(&self) -> Settings {
        load(&self.sources).unwrap()
    }

    fn error(&self) -> String {
        let error = load::<Settings>(&self.sources).unwrap_err().to_string();
        assert!(!error.contains('\n'), "more than one line: {error}");
        error.replace(self.dir.path().to_str().unwrap(), "$DIR")
    }
}

#[test]
fn later_sources_win() {
    let given = Given::file("[http]\nport = 1\nhost = \"file\"\ndocs = false\n");
    let given = given.variable("TRADEPOST__HTTP__PORT", "2").variable("TRADEPOST__HTTP__HOST", "environment");
    let http = given.flag("http.port", "3").load().http;
    assert_eq!((http.port, &*http.host, http.docs), (3, "environment", false));
    assert_eq!(load::<Settings>(&Sources::default()).unwrap().http.port, 8080);
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let given = Given::file("").variable("TRADEPOST_PORT", "tcp://10.0.0.1:80").variable("PATH", "/bin");
    assert_eq!(given.load().http.port, 8080);
    let empty = Given::file("").variable("TRADEPOST__HTTP__PORT", "");
    assert_eq!(empty.load().http.port, 8080, "an empty variable counts as not set");
}

#[test]
fn unknown_keys_are_refused_with_path_and_place() {
    assert_eq!(
        Given::file("[http]\nprot = 1\n").error(),
        "$DIR/shop.toml: http.prot: there is no such setting, expected one of `host`, `port`, `origins`, `docs`, `style`"
    );
    let known = "there is no such setting, expected one of `http`, `keys`, `tax_percent`";
    assert_eq!(Given::file("[htpt]\nport = 1\n").error(), format!("$DIR/shop.toml: htpt: {known}"));
    assert_eq!(Given::file("").variable("TRADEPOST__HTPT", "1").error(), format!("TRADEPOST__HTPT: {known}"));
    assert_eq!(Given::file("").flag("htpt", "1").error(), format!("htpt on the command line: {known}"));
}

#[test]
fn wrong_values_are_refused_with_path_and_place() {
    let error = Given::file("[http]\nport = 70000\n").error();
    assert!(error.starts_with("$DIR/shop.toml: http.port: expected an unsigned 16 bit integer"), "{error}");
    let error = Given::file("").variable("TRADEPOST__HTTP__PORT", "eighty").error();
    assert!(error.starts_with("TRADEPOST__HTTP__PORT: expected"), "{error}");
    let error = Given::file("").flag("http.docs", "perhaps").error();
    assert!(error.starts_with("http.docs on the command line: expected a boolean"), "{error}");
    let error = Given::file("").variable("TRADEPOST__HTTP__STYLE", "loud").error();
    assert_eq!(error, "TRADEPOST__HTTP__STYLE: `loud` is none of the words it takes");
    let error = Given::file("[http\n").error();
    assert!(error.starts_with("$DIR/shop.toml: TOML parse error at line 1"), "{error}");
    assert!(Given::file("").flag("http..port", "1").error().contains("is no setting's name"));
}

#[test]
fn a_missing_file_is_named() {
    let sources = Sources { file: Some("/nowhere/shop.toml".into()), ..Sources::default() };
    let error = load::<Settings>(&sources).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/shop.toml: No such file"), "{error}");
}

#[test]
fn secrets_come_from_a_variable_or_a_file() {
    let given = Given::file("").variable("TRADEPOST__KEYS__SIGNING", "12345678");
    assert_eq!(given.load().keys.signing.unwrap().expose(), "12345678");

    let given = Given::file("").variable("TRADEPOST__KEYS__SIGNING_FILE", "$DIR/signing");
    fs::write(given.dir.path().join("signing"), "from a file\n").unwrap();
    assert_eq!(given.load().keys.signing.unwrap().expose(), "from a file");

    let given = Given::file("[keys]\nsigning_file = '/nowhere/signing'\n");
    assert!(given.error().starts_with("keys.signing_file: /nowhere/signing: No such file"));
    let both = given.variable("TRADEPOST__KEYS__SIGNING", "12345678");
    assert_eq!(both.error(), "keys.signing and keys.signing_file are both set; leave one out");
    assert!(Given::file("").variable("TRADEPOST__KEYS__SIGNING_FILE", "/dev/zero").error().contains("larger than"));
}

#[test]
fn a_secret_in_the_settings_file_or_a_flag_is_refused() {
    let remedy = "set TRADEPOST__KEYS__SIGNING, or TRADEPOST__KEYS__SIGNING_FILE to the path of a file that holds it";
    let given = Given::file("[keys]\nsigning = 'hunter2hunter2'\n");
    let refused = format!("keys.signing: a secret may not stand in $DIR/shop.toml; {remedy}");
    assert_eq!(given.error(), refused);
    assert_eq!(given.variable("TRADEPOST__KEYS__SIGNING", "other").error(), refused, "though it is overruled");
    let flag = Given::file("").flag("keys.signing", "hunter2hunter2").error();
    assert_eq!(flag, format!("keys.signing: a secret may not stand in the command line; {remedy}"));
    let map = Given::file("[keys.older]\nk1 = 'hunter2hunter2'\n").error();
    assert!(map.starts_with("keys.older.k1: a secret may not stand in $DIR/shop.toml"), "{map}");
}

#[test]
fn errors_do_not_quote_what_the_environment_holds() {
    let error = Given::file("").variable("TRADEPOST__KEYS", "postgres://shop:hunter2@db/shop").error();
    assert!(error.starts_with("TRADEPOST__KEYS: ") && !error.contains("hunter2"), "{error}");
}

#[test]
fn lists_come_as_arrays_or_with_commas() {
    let array = Given::file("[http]\norigins = ['https://a.example', 'https://b.example']\n").load();
    let text = Given::file("").variable("TRADEPOST__HTTP__ORIGINS", "https://a.example, https://b.example").load();
    assert_eq!(array.http.origins, ["https://a.example", "https://b.example"]);
    assert_eq!(text.http.origins, array.http.origins);
}

#[test]
fn what_is_shown_hides_secrets_and_can_be_loaded_again() {
    let file = "[http]\nhost = 'a \"b\"'\norigins = ['x', 'y']\n[tax_percent]\nDE = 19.0\n\"with space\" = 7.5\n";
    let given = Given::file(file).variable("TRADEPOST__KEYS__SIGNING", "hunter2hunter2");
    let shown = show(&given.load()).unwrap();
    assert!(shown.starts_with("http.docs = true\nhttp.host = \"a \\\"b\\\"\"\n"), "{shown}");
    assert!(shown.contains("keys.signing = \"***\"\n") && !shown.contains("hunter2"), "{shown}");

    let plain = show(&Given::file(file).load()).unwrap();
    assert!(plain.contains("# keys.signing is not set\n"), "{plain}");
    assert_eq!(show(&Given::file(&plain).load()).unwrap(), plain);
}
