//! Hosts of their own on one machine: network namespaces at a switch, whose cables can be pulled.
//!
//! A network has a number, which names everything of it and is free again when its process is gone, however it
//! went; what a killed test left behind is cleared by whoever takes the number next. The switch is a namespace
//! as well, so that rules the machine has for its own traffic do not reach what the hosts say to each other.
//! Only root may do that.

use std::fs::{File, OpenOptions};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// Networks that may be there at once.
const MOST: u8 = 200;
/// The number of a network's first host. This machine has number 1.
const FIRST_HOST: u8 = 10;
/// The switch, seen from inside.
const SWITCH: &str = "switch";
/// This machine's port of the switch.
const THIS_MACHINE: &str = "outside";

/// Some hosts at a switch, gone when dropped. This machine reaches them, and they reach it.
pub struct Network {
    number: u8,
    next_host: AtomicU8,
    _claim: File,
}

/// A host: an address of its own, and a cable to the switch.
#[derive(Clone, Debug)]
pub struct Host {
    /// The network namespace of its programs.
    pub(crate) namespace: String,
    /// Its address.
    pub address: String,
    switch: String,
    port: String,
}

/// How a host is cut off. Either way nobody is told: no connection is closed or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The cable is pulled out of the host, which sees that it has no link.
    Cable,
    /// Somewhere on the way nothing is passed on any more, while the host's link stays up.
    OnTheWay,
}

impl Network {
    /// Lays a network without hosts, or tells why this machine does not let us.
    pub fn lay() -> Result<Self, String> {
        let (number, claim) = (0..MOST).find_map(claim).ok_or("no network number is free")?;
        clear(number);
        // From here on it is cleared away when it is dropped, also half done.
        let network = Self { number, next_host: AtomicU8::new(FIRST_HOST), _claim: claim };
        let (switch, link) = (network.namespace(SWITCH), link(number));
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", SWITCH, "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", SWITCH, "up"])?;
        ip(&["link", "add", &link, "type", "veth", "peer", "name", THIS_MACHINE, "netns", &switch])?;
        ip(&["-n", &switch, "link", "set", THIS_MACHINE, "master", SWITCH, "up"])?;
        ip(&["address", "add", &format!("{}/24", network.address(1)), "dev", &link])?;
        ip(&["link", "set", &link, "up"])?;
        Ok(network)
    }

    /// Sets up a host with a short name, plain letters, and plugs it in.
    pub fn host(&self, name: &str) -> Host {
        let number = self.next_host.fetch_add(1, Ordering::Relaxed);
        let (namespace, switch) = (self.namespace(name), self.namespace(SWITCH));
        let (address, port) = (self.address(number), name.to_owned());
        let host = Host { namespace, address, switch, port };
        host.set_up().unwrap_or_else(|why| panic!("the host {name}: {why}"));
        host
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}{name}", prefix(self.number))
    }

    /// From the range that is set aside for measuring networks, which nobody's real one is in.
    fn address(&self, host: u8) -> String {
        format!("198.18.{}.{host}", self.number)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        clear(self.number);
    }
}

impl Host {
    /// A command that runs here; `program` is its only word so far.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Cuts it off from everybody.
    pub fn cut_off(&self, how: Cut) {
        self.at_port(match how {
            Cut::Cable => &["down"],
            Cut::OnTheWay => &["nomaster"],
        });
    }

    /// Makes good whatever cut it off.
    pub fn mend(&self) {
        self.at_port(&["master", SWITCH, "up"]);
    }

    fn at_port(&self, change: &[&str]) {
        let set = [&["-n", &self.switch, "link", "set", &self.port], change].concat();
        ip(&set).expect("the switch obeys");
    }

    fn set_up(&self) -> Result<(), String> {
        let Self { namespace, address, switch, port } = self;
        ip(&["netns", "add", namespace])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace])?;
        ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        ip(&["-n", namespace, "link", "set", "eth0", "up"])?;
        ip(&["-n", switch, "link", "set", port, "master", SWITCH, "up"])?;
        Ok(())
    }
}

/// Takes a number that no living process has. The lock ends with this process, whatever becomes of it.
fn claim(number: u8) -> Option<(u8, File)> {
    let path = std::env::temp_dir().join(format!("{}lock", prefix(number)));
    let lock = OpenOptions::new().create(true).append(true).open(path).ok()?;
    lock.try_lock().ok()?;
    Some((number, lock))
}

/// Removes all of a network, with what still runs on its hosts.
fn clear(number: u8) {
    let named = ip(&["netns", "list"]).unwrap_or_default();
    let names = named.lines().filter_map(|line| line.split(' ').next());
    let ours: Vec<&str> = names.filter(|name| name.starts_with(&prefix(number))).collect();
    for name in &ours {
        for pid in ip(&["netns", "pids", name]).unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        }
    }
    // One that is not there is as good as one that is removed.
    let _ = ip(&["link", "del", &link(number)]);
    for name in &ours {
        let _ = ip(&["netns", "del", name]);
    }
}

/// What the names of a network's namespaces begin with.
fn prefix(number: u8) -> String {
    format!("karaoke-test-{number}-")
}

/// This machine's end of its cable to the switch: at most 15 characters.
fn link(number: u8) -> String {
    format!("karaoke-t{number}")
}

/// Runs iproute2's `ip`; what it says.
fn ip(words: &[&str]) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        Command::new("ip").args(words).output().map_err(|e| format!("the command ip: {e}"))?;
    match status.success() {
        true => Ok(String::from_utf8_lossy(&stdout).into_owned()),
        false => Err(format!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&stderr).trim())),
    }
}
