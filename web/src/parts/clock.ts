import { createContext } from "preact";
import { useContext } from "preact/hooks";

/** The server's time in ms, renewed every second: what "ago" is counted from. */
export const ServerNow = createContext(0);
export const useServerNow = () => useContext(ServerNow);
