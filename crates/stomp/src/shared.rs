//! What the client, its subscriptions and the two tasks of a connection share.

use crate::request::{self, Request};
use crate::{Error, Message};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

/// Frames with bodies that wait for the writer: enough to keep it busy, few enough to bound memory.
const WAITING: usize = 4;
/// Acks and nacks that wait for the writer. They are small, and nobody can wait for room in a `drop`.
const WAITING_ACKS: usize = 1024;

/// One connection.
pub(crate) struct Shared {
    tables: Mutex<Result<Tables, Error>>,
    over: watch::Sender<bool>,
    ids: AtomicU64,
    leaving: AtomicBool,
    goodbye: AtomicU64,
    requests: mpsc::Sender<Request>,
    acks: mpsc::Sender<Request>,
}

/// Who waits for what, while the connection stands. Its end takes them away, so that nobody is left behind.
#[derive(Default)]
struct Tables {
    receipts: HashMap<u64, oneshot::Sender<()>>,
    routes: HashMap<u64, mpsc::Sender<Message>>,
}

/// What the writer takes from.
pub(crate) struct Waiting {
    pub requests: mpsc::Receiver<Request>,
    pub acks: mpsc::Receiver<Request>,
}

impl Shared {
    /// The state of a new connection, and the ends of its queues that the writer reads.
    pub fn new() -> (Arc<Self>, Waiting) {
        let (requests, waiting_requests) = mpsc::channel(WAITING);
        let (acks, waiting_acks) = mpsc::channel(WAITING_ACKS);
        let shared = Self {
            tables: Mutex::new(Ok(Tables::default())),
            over: watch::Sender::new(false),
            ids: AtomicU64::new(1),
            leaving: AtomicBool::new(false),
            goodbye: AtomicU64::new(0),
            requests,
            acks,
        };
        (Arc::new(shared), Waiting { requests: waiting_requests, acks: waiting_acks })
    }

    /// A poisoned lock means that a thread panicked while it held plain data: the data is still whole.
    fn tables(&self) -> MutexGuard<'_, Result<Tables, Error>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection, unless it has ended already; the first reason counts.
    pub fn end(&self, why: Error) {
        let mut tables = self.tables();
        if tables.is_ok() {
            *tables = Err(why);
            drop(tables);
            self.over.send_replace(true);
        }
    }

    /// Ends the connection when it goes out of scope, whatever the way: the reason is given by then, or a
    /// task panicked or was aborted.
    pub fn end_on_drop(self: &Arc<Self>) -> EndOnDrop {
        EndOnDrop(self.clone())
    }

    /// Waits for the end.
    pub async fn over(&self) {
        // The sender is a part of self, so this cannot fail.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Why the connection has ended.
    pub fn reason(&self) -> Option<Error> {
        self.tables().as_ref().err().cloned()
    }

    fn gone(&self) -> Error {
        self.reason().unwrap_or(Error::Closed)
    }

    /// A number that this connection has not used yet.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on nothing new is taken. False: that was so before.
    pub fn leave(&self) -> bool {
        !self.leaving.swap(true, Ordering::AcqRel)
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.reason() {
            Some(why) => Err(why),
            None if self.leaving.load(Ordering::Acquire) => Err(Error::Closed),
            None => Ok(()),
        }
    }

    /// Hands a frame to the writer, once it has room.
    pub async fn request(&self, request: Request) -> Result<(), Error> {
        self.check_open()?;
        self.requests.send(request).await.map_err(|_| self.gone())
    }

    /// Hands over the last frame, which the receipt answers.
    pub async fn request_disconnect(&self, receipt: &Receipt) -> Result<(), Error> {
        self.goodbye.store(receipt.id, Ordering::Release);
        self.requests.send(request::disconnect(receipt.id)).await.map_err(|_| self.gone())
    }

    /// Hands a small frame to the writer, which writes it before those that wait. Never waits itself.
    pub fn urgent(&self, request: Request) -> Result<(), Error> {
        self.check_open()?;
        self.acks.try_send(request).map_err(|refused| {
            if let TrySendError::Full(_) = refused {
                self.end(Error::Congested(WAITING_ACKS));
            }
            self.gone()
        })
    }

    /// A receipt to come.
    pub fn expect_receipt(self: &Arc<Self>) -> Result<Receipt, Error> {
        let (sender, arrival) = oneshot::channel();
        let id = self.next_id();
        self.tables().as_mut().map_err(|why| why.clone())?.receipts.insert(id, sender);
        Ok(Receipt { id, arrival, shared: self.clone() })
    }

    /// A receipt has come. True: it is the one of the goodbye.
    pub fn receipt(&self, id: &str) -> bool {
        let Ok(id) = id.parse() else { return false };
        let waiting = self.tables().as_mut().ok().and_then(|tables| tables.receipts.remove(&id));
        // Nobody waits any more if it came too late.
        waiting.is_some_and(|waiting| waiting.send(()).is_ok()) && self.goodbye.load(Ordering::Acquire) == id
    }

    /// From now on messages of that subscription go there.
    pub fn add_route(&self, id: u64, to: mpsc::Sender<Message>) -> Result<(), Error> {
        self.tables().as_mut().map_err(|why| why.clone())?.routes.insert(id, to);
        Ok(())
    }

    pub fn remove_route(&self, id: u64) {
        if let Ok(tables) = self.tables().as_mut() {
            tables.routes.remove(&id);
        }
    }

    /// Where messages of that subscription go.
    pub fn route(&self, id: &str) -> Option<mpsc::Sender<Message>> {
        self.tables().as_ref().ok()?.routes.get(&id.parse().ok()?).cloned()
    }
}

/// See [`Shared::end_on_drop`].
pub(crate) struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end(Error::Closed);
    }
}

/// A receipt that somebody waits for; forgotten when dropped.
pub(crate) struct Receipt {
    pub id: u64,
    arrival: oneshot::Receiver<()>,
    shared: Arc<Shared>,
}

impl Receipt {
    pub async fn wait(mut self, patience: Duration) -> Result<(), Error> {
        match tokio::time::timeout(patience, &mut self.arrival).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.shared.gone()),
            Err(_) => Err(Error::NoReceipt(patience)),
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Ok(tables) = self.shared.tables().as_mut() {
            tables.receipts.remove(&self.id);
        }
    }
}
